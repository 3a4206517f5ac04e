"""What is rendered for a swarm is what a real Docker 20.10.24 put into its namespaces."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from meshnet.mesh import render
from meshnet.netstate import NamespaceRef
from tests.mesh import dumps, reference
from tests.mesh.picture import Picture, picture

NODES = ("swarm-manager", "swarm-worker1", "swarm-worker2")


@dataclass(frozen=True)
class Tolerance:
    """A difference that is none. In namespaces that ``where`` matches, ``pattern`` is replaced in the lines of both
    sides, and a line that becomes empty by it is dropped."""

    reason: str
    where: str
    pattern: str
    replacement: str = ""


TOLERATED = (
    Tolerance(
        "Docker draws the ports of the embedded resolver",
        r".*",
        r"(?<=--to-destination 127\.0\.0\.11:)\d+|(?<=--sport )\d+(?= -j SNAT --to-source :53)",
        "drawn",
    ),
    Tolerance(
        "the topology made the underlay interface, and the engine neither names nor addresses it",
        r"swarm-\w+$",
        r"eth1 veth.*|eth1 192\.168\.56\..*|0\.0\.0\.0/0 dev eth1 via .*",
    ),
    Tolerance("Docker draws the names of ports on docker_gwbridge", r".*", r"\bveth[0-9a-f]{7}\b", "veth-drawn"),
    Tolerance("Docker draws four bytes of a bridge's MAC", r"swarm-\w+$", r"(?<= mac 02:42:)\S+$", "drawn"),
    Tolerance(
        "the kernel draws the MAC of a bridge port, a VXLAN device, and a bridge that was given none",
        r"swarm-\w+$|.*/1-",
        r"^((?:br0|vxlan0|veth\S*) .* mac) \S+$",
        r"\1 drawn",
    ),
    Tolerance("`ip -d` does not say in which namespace a VXLAN device's socket lies", r".*/1-", r" underlay \S+", ""),
)


def tolerant(ref: NamespaceRef, sections: Picture, tolerated: tuple[Tolerance, ...] = TOLERATED) -> Picture:
    """``sections`` with the tolerated differences taken out, and in one order what is printed in no order of ours.

    That is: addresses link by link, chains by name (the order within each stays), and ipvsadm's lines, which it sorts.
    """
    orders: dict[str, Callable[[str], list[str]]] = {
        "addresses": lambda line: line.split()[:1],
        "rules": lambda line: line.split(":")[0].split()[:2],
        "ipvs": str.split,
    }
    cleaned = {section: [_clean(str(ref), line, tolerated) for line in lines] for section, lines in sections.items()}
    kept = {section: [line for line in lines if line] for section, lines in cleaned.items()}
    for section, order in orders.items():
        kept[section].sort(key=order)
    return kept


def _clean(ref: str, line: str, tolerated: tuple[Tolerance, ...]) -> str:
    for tolerance in tolerated:
        if re.match(tolerance.where, ref):
            line = re.sub(tolerance.pattern, tolerance.replacement, line)
    return line


RENDERED = {
    "00-dockerd-started": render(reference.dockerd_started()),
    "01-swarm-init": render(reference.swarm_init()),
    "02-article": render(reference.article()),
}
CASES = [
    pytest.param(folder, ref, id=f"{folder}:{ref}")
    for folder, states in RENDERED.items()
    for ref in states
    if (dumps.REFERENCE / folder / ref.node).is_dir()
]


@pytest.mark.parametrize(("folder", "ref"), CASES)
def test_namespace_holds_what_docker_put_there(folder: str, ref: NamespaceRef) -> None:
    real = dumps.node_pictures(folder, ref.node)[ref]
    assert tolerant(ref, picture(RENDERED[folder][ref])) == tolerant(ref, real)


@pytest.mark.parametrize("node", NODES)
def test_namespaces_are_those_docker_listed(node: str) -> None:
    files = {ref.file for ref in RENDERED["02-article"] if ref.node == node and ref.file}
    assert files == dumps.netns_files("02-article", node)


def test_every_dumped_namespace_is_compared() -> None:
    dumped = {
        (folder, ref)
        for folder in RENDERED
        for node in NODES
        if (dumps.REFERENCE / folder / node).is_dir()
        for ref in dumps.namespaces(folder, node)
    }
    rendered = {(folder, ref) for folder, states in RENDERED.items() for ref in states}
    assert len(dumped) == 25
    assert dumped <= rendered


SYSCTLS = [("00-dockerd-started", "swarm-worker1"), *(("02-article", node) for node in NODES)]
"""The nodes whose sysctls were dumped."""


@pytest.mark.parametrize(("folder", "node"), SYSCTLS)
def test_sysctls_have_the_values_docker_left(folder: str, node: str) -> None:
    rendered = RENDERED[folder]
    for ref, path in dumps.namespaces(folder, node).items():
        real = dumps.sysctls(path)
        assert {name: real.get(name) for name in rendered[ref].sysctls} == rendered[ref].sysctls, str(ref)


@pytest.mark.parametrize(("folder", "node"), SYSCTLS)
def test_sysctls_docker_changed_are_rendered(folder: str, node: str) -> None:
    """Those the reference's README names as Docker's, wherever their value isn't the kernel's own."""
    defaults = {
        "net.ipv4.conf.docker_gwbridge.route_localnet": "0",
        "net.ipv4.ip_unprivileged_port_start": "1024",
        "net.ipv4.vs.conn_reuse_mode": "1",
        "net.ipv4.vs.conntrack": "0",
        "net.ipv4.vs.expire_nodest_conn": "0",
        "net.ipv4.vs.expire_quiescent_template": "0",
        "net.ipv6.conf.all.disable_ipv6": "0",
        "net.ipv6.conf.default.disable_ipv6": "0",
        "net.ipv6.conf.docker0.accept_ra": "1",
        "net.ipv6.conf.docker_gwbridge.accept_ra": "1",
    }
    rendered = RENDERED[folder]
    for ref, path in dumps.namespaces(folder, node).items():
        real = dumps.sysctls(path)
        changed = {name: real[name] for name, default in defaults.items() if real.get(name, default) != default}
        assert changed.items() <= rendered[ref].sysctls.items(), str(ref)


@pytest.mark.parametrize("tolerance", TOLERATED, ids=lambda tolerance: tolerance.reason)
def test_no_tolerance_is_superfluous(tolerance: Tolerance) -> None:
    others = tuple(other for other in TOLERATED if other is not tolerance)
    rendered = RENDERED["02-article"]
    real = {ref: sections for node in NODES for ref, sections in dumps.node_pictures("02-article", node).items()}
    assert any(tolerant(ref, picture(rendered[ref]), others) != tolerant(ref, real[ref], others) for ref in real)
