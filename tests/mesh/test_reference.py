"""What is rendered for a swarm is what a real Docker 20.10.24 put into its namespaces."""

from __future__ import annotations

import re

import pytest

from meshnet.mesh import render
from meshnet.model import ClusterState
from meshnet.netstate import NamespaceRef
from tests.mesh import dumps, mutants, reference
from tests.mesh.picture import Picture, picture, rule_lines
from tests.mesh.scenarios import scenario
from tests.mesh.tolerated import ORDERS, TOLERATED, Order, Tolerance, tolerant

NODES = ("swarm-manager", "swarm-worker1", "swarm-worker2")

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


def in_common(rendered: Picture, real: Picture) -> Picture:
    """What is rendered, but for sections that weren't dumped."""
    return {section: rendered[section] for section in real}


@pytest.mark.parametrize(("folder", "ref"), CASES)
def test_namespace_holds_what_docker_put_there(folder: str, ref: NamespaceRef) -> None:
    real = dumps.node_pictures(folder, ref.node)[ref]
    assert tolerant(ref, in_common(picture(RENDERED[folder][ref]), real)) == tolerant(ref, real)


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


EVERYTHING = [
    (ref, picture(RENDERED[folder][ref]), real)
    for folder in RENDERED
    for node in NODES
    if (dumps.REFERENCE / folder / node).is_dir()
    for ref, real in dumps.node_pictures(folder, node).items()
]


def agree(section: str, tolerated: tuple[Tolerance, ...] = TOLERATED, orders: tuple[Order, ...] = ORDERS) -> bool:
    """Whether a section is, everywhere it was dumped, as it was dumped."""
    return all(
        tolerant(ref, {section: rendered[section]}, tolerated, orders)
        == tolerant(ref, {section: real[section]}, tolerated, orders)
        for ref, rendered, real in EVERYTHING
        if section in real
    )


@pytest.mark.parametrize("tolerance", TOLERATED, ids=lambda tolerance: tolerance.reason)
def test_no_tolerance_is_superfluous(tolerance: Tolerance) -> None:
    assert not agree(tolerance.section, tolerated=tuple(other for other in TOLERATED if other is not tolerance))


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: order.reason)
def test_no_reordering_is_superfluous(order: Order) -> None:
    assert not agree(order.section, orders=tuple(other for other in ORDERS if other is not order))


def test_three_nodes_is_the_swarm_that_was_dumped() -> None:
    """But for the ids, which are drawn: of networks, and of containers and their sandboxes."""
    mine, theirs = scenario("three-nodes"), reference.article()
    names = drawn_names(mine, theirs)
    rendered = {renamed_ref(ref, names): renamed(picture(state), names) for ref, state in render(mine).items()}
    real = {ref: each for node in NODES for ref, each in dumps.node_pictures("02-article", node).items()}
    assert rendered.keys() == real.keys()
    for ref, sections in real.items():
        assert tolerant(ref, rendered[ref]) == tolerant(ref, sections), str(ref)


def drawn_names(mine: ClusterState, theirs: ClusterState) -> dict[str, str]:
    """The files of the first swarm's namespaces to those of the second one's, by what they are of."""
    files = _files(mine)
    return {files[what]: file for what, file in _files(theirs).items()}


def _files(state: ClusterState) -> dict[str, str]:
    overlays = {network.name: network.overlay_file for network in state.networks.values()}
    balancers = {f"{network.name}'s": network.balancer_file for network in state.networks.values()}
    tasks = {f"{task.service_name}.{task.slot}": task.sandbox_file for task in state.placed_tasks()}
    return {**overlays, **balancers, **tasks}


def renamed_ref(ref: NamespaceRef, names: dict[str, str]) -> NamespaceRef:
    return NamespaceRef(ref.node, names.get(ref.file, ref.file))


def renamed(sections: Picture, names: dict[str, str]) -> Picture:
    """Only links name namespaces: a veth that of its peer."""
    of_a_peer = re.compile("|".join(rf"(?<=/){re.escape(name)}(?=:)" for name in names))
    links = [of_a_peer.sub(lambda found: names[found[0]], line) for line in sections["links"]]
    return {**sections, "links": links}


@pytest.mark.thorough
def test_every_rule_matters() -> None:
    """Whatever is done to one rule of the article's scenario, the comparison notices."""
    tried = 0
    for ref, state in RENDERED["02-article"].items():
        real = rules_as_compared(ref, dumps.node_pictures("02-article", ref.node)[ref])
        assert rules_as_compared(ref, picture(state)) == real
        for change, rules in mutants.of_rules(state.rules):
            tried += 1
            assert rules_as_compared(ref, {"rules": rule_lines(rules)}) != real, f"{ref}: {change}"
    assert tried > 1000


def rules_as_compared(ref: NamespaceRef, sections: Picture) -> list[str]:
    return tolerant(ref, {"rules": sections["rules"]})["rules"]


@pytest.mark.thorough
def test_everything_else_matters() -> None:
    """Links, addresses, routes, neighbours, FDB entries, IPVS services, servers and sysctls as well."""
    for ref, state in RENDERED["02-article"].items():
        real = tolerant(ref, dumps.node_pictures("02-article", ref.node)[ref])
        assert tolerant(ref, picture(state)) == real
        for change, other in mutants.of_the_rest(state):
            assert tolerant(ref, picture(other)) != real, f"{ref}: {change}"
