"""Reads a real engine's dumps into the lines of ``picture``, and what a ``NetState`` can't say into lines like them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from meshnet.netstate import NamespaceRef
from tests.mesh import kernels_own
from tests.mesh.picture import Picture

REFERENCE = Path(__file__).parents[1] / "data" / "docker-reference"

_HEADER = re.compile(
    r"(?P<index>\d+): (?P<name>[^@:]+)(?:@if(?P<peer>\d+))?: <(?P<flags>[^>]*)> mtu (?P<mtu>\d+)(?P<rest>.*)"
)
_INET = re.compile(r"\s+inet6? (?P<interface>\S+)(?: brd (?P<broadcast>\S+))? scope \w+ *(?P<link>\S+)?")


@dataclass
class Interface:
    """One block of ``ip -d addr``."""

    index: int
    name: str
    peer: int | None
    up: bool
    mtu: int
    master: str | None
    mac: str = ""
    detail: str = ""
    addresses: list[str] = field(default_factory=list)


def namespaces(folder: str, node: str) -> dict[NamespaceRef, Path]:
    """The dumped namespaces of a node, by the names meshnet gives them."""
    return {
        NamespaceRef(node, _file(path.name)): path
        for path in sorted((REFERENCE / folder / node).iterdir())
        if path.is_dir()
    }


def _file(dump: str) -> str:
    """``lb-X`` is the file ``lb_X``, ``overlay-1-X`` is ``1-X``, ``task-X`` is ``X``, and ``host`` is none."""
    for prefix, file in (("host", ""), ("lb-", "lb_"), ("overlay-", ""), ("task-", "")):
        if dump.startswith(prefix):
            return file + dump.removeprefix(prefix)
    return dump


def netns_files(folder: str, node: str) -> set[str]:
    """What ``ls /var/run/docker/netns`` printed there."""
    listing = (REFERENCE / folder / node / "ls-var-run-docker-netns.txt").read_text()
    return {line.split()[-1] for line in listing.splitlines() if line.startswith("-")}


@cache
def node_pictures(folder: str, node: str) -> dict[NamespaceRef, Picture]:
    """Every dumped namespace of a node. There is no section of sysctls where none were dumped."""
    paths = namespaces(folder, node)
    interfaces = {ref: _interfaces(path) for ref, path in paths.items()}
    return {
        ref: {
            "links": [_link_line(interface, interfaces) for interface in interfaces[ref]],
            "addresses": [line for interface in interfaces[ref] for line in interface.addresses],
            "routes": _routes(path),
            "neighbours": _neighbours(path),
            "fdb": _fdb(path),
            "rules": _rules(path),
            "ipvs": (path / "ipvsadm-Sn.txt").read_text().splitlines(),
            **_sysctls(path),
            "attributes": _attributes(path),
        }
        for ref, path in paths.items()
    }


def sysctls(path: Path) -> dict[str, str]:
    return kernels_own.sysctls(path / "sysctl.txt")


def _sysctls(path: Path) -> Picture:
    return {"sysctls": kernels_own.sysctls_set(sysctls(path))} if (path / "sysctl.txt").is_file() else {}


def _attributes(path: Path) -> list[str]:
    found = kernels_own.attributes(path / "ip-d-addr.txt")
    return [line for name, attributes in found.items() for line in kernels_own.attributes_set(name, attributes)]


def _interfaces(path: Path) -> list[Interface]:
    found: list[Interface] = []
    for line in (path / "ip-d-addr.txt").read_text().splitlines():
        if header := _HEADER.match(line):
            found.append(_interface(header))
        elif line.startswith("    link/"):
            found[-1].mac = line.split()[1]
        elif inet := _INET.match(line):
            broadcast = f" brd {inet['broadcast']}" if inet["broadcast"] else ""
            found[-1].addresses.append(f"{found[-1].name} {inet['interface']}{broadcast}")
        elif line.split()[0] in ("veth", "bridge", "vxlan"):
            found[-1].detail = line.strip()
    return found


def _interface(header: re.Match[str]) -> Interface:
    master = re.search(r" master (\S+)", header["rest"])
    return Interface(
        int(header["index"]),
        header["name"],
        int(header["peer"]) if header["peer"] else None,
        "UP" in header["flags"].split(","),
        int(header["mtu"]),
        master[1] if master else None,
    )


def _link_line(interface: Interface, around: dict[NamespaceRef, list[Interface]]) -> str:
    match interface.detail.split():
        case [] if interface.name == "lo":
            kind = "loopback"
        case ["veth", *_]:
            kind = f"veth peer {_peer(interface, around)}"
        case ["bridge", *_]:
            kind = "bridge"
        case ["vxlan", "id", vni, *words]:
            flags = [flag for flag in ("proxy", "l2miss", "l3miss") if flag in words]
            learning = [] if "nolearning" in words else ["learning"]
            port = words[words.index("dstport") + 1]
            kind = " ".join(["vxlan id", vni, "dstport", port, *learning, *flags])
        case other:
            raise ValueError(f"expected a veth, a bridge or a vxlan, found {other} at {interface.name}")
    master = f" master {interface.master}" if interface.master else ""
    up = "up" if interface.up else "down"
    return f"{interface.name} {kind} mtu {interface.mtu}{master} {up} mac {interface.mac}"


def _peer(interface: Interface, around: dict[NamespaceRef, list[Interface]]) -> str:
    """A veth's index and its peer's are each other's, and no two pairs of a node share both."""
    ends = [
        f"{ref}:{other.name}"
        for ref, others in around.items()
        for other in others
        if (other.index, other.peer) == (interface.peer, interface.index)
    ]
    return ends[0] if len(ends) == 1 else "unknown"


def _routes(path: Path) -> list[str]:
    found = []
    for line in (path / "ip-route.txt").read_text().splitlines():
        words = line.split()
        if "proto" in words:
            found.append(" ".join(words))
        else:
            destination = "0.0.0.0/0" if words[0] == "default" else words[0]
            found.append(f"{destination} dev {words[words.index('dev') + 1]} via {words[words.index('via') + 1]}")
    return sorted(found)


def _neighbours(path: Path) -> list[str]:
    """Those that aren't permanent have their state at the end."""
    lines = [line.split() for line in (path / "ip-neigh.txt").read_text().splitlines()]
    return sorted(
        f"{words[0]} dev {words[2]} mac {words[4] if words[3] == 'lladdr' else 'none'}"
        + ("" if words[-1] == "PERMANENT" else f" {words[-1]}")
        for words in lines
    )


def _fdb(path: Path) -> list[str]:
    """Those that aren't a VXLAN device's own permanent ones are as printed."""
    lines = [line.split() for line in (path / "bridge-fdb.txt").read_text().splitlines()]
    return sorted(
        f"{words[0]} dev {words[2]} dst {words[4]}"
        if words[3] == "dst" and words[-2:] == ["self", "permanent"]
        else " ".join(words)
        for words in lines
    )


def _rules(path: Path) -> list[str]:
    """As ``picture.rule_lines`` gives them: chains in the order they are declared, with their rules."""
    chains: dict[tuple[str, str], list[str]] = {}
    table = ""
    for line in (path / "iptables-save-c.txt").read_text().splitlines():
        if line.startswith("*"):
            table = line[1:]
        elif line.startswith(":"):
            chain, policy, _ = line[1:].split()
            chains[table, chain] = [] if policy == "ACCEPT" else [f"{table} {chain} {policy}"]
        elif line.startswith("["):
            _, _, chain, rule = line.split(maxsplit=3)
            chains[table, chain].append(f"{table} {chain}: {rule}")
    return [line for lines in chains.values() for line in lines]
