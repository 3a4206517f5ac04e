"""The machines of a lab, as its topology has them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv4Network
from typing import Any

from meshnet.errors import InputError
from meshnet.model import NodeRole
from topo import registry
from topo.shape import Shape

ROLES = {str(role) for role in NodeRole}
_SHAPE = ("delay", "jitter", "loss", "bw", "max_queue_size")
_NUMBER = re.compile(r"(\d+)")

Parameters = Mapping[str, int | float | str]


@dataclass(frozen=True, slots=True)
class Place:
    """A host that joins the swarm."""

    name: str
    role: NodeRole
    address: IPv4Interface


@dataclass(frozen=True, slots=True)
class Layout:
    """What a topology comes to. ``hosts`` are all of its hosts, ``places`` the swarm's: managers first, then workers,
    each by number. ``subnets`` are those any host has an address in."""

    name: str
    parameters: Parameters
    hosts: tuple[str, ...]
    places: tuple[Place, ...]
    subnets: tuple[IPv4Network, ...]
    needs_netem: bool


def parse(text: str, *, where: str) -> tuple[str, dict[str, Any]]:
    """``NAME,key=value,...``. Raises ``InputError``."""
    return registry.parse(text, where=where)


def lay_out(name: str, parameters: Parameters, *, where: str) -> Layout:
    """The topology of that name with those parameters. Raises ``InputError`` for what makes no swarm."""
    topology = registry.build(name, parameters, where=where)
    infos = {host: topology.nodeInfo(host) for host in topology.hosts(sort=False)}
    places = [
        Place(host, NodeRole(info["role"]), IPv4Interface(info["ip"]))
        for host, info in infos.items()
        if info.get("role") in ROLES
    ]
    if not any(place.role is NodeRole.MANAGER for place in places):
        raise InputError(f"the topology {name} has no host with the role manager", where=where)
    links = [info for _, _, info in topology.links(withInfo=True)]
    return Layout(
        name=name,
        parameters=parameters,
        hosts=tuple(infos),
        places=tuple(sorted(places, key=_joining_order)),
        subnets=_subnets(infos, links),
        needs_netem=any(_slows(link) for link in links),
    )


def _joining_order(place: Place) -> tuple[bool, list[tuple[str, int]]]:
    """Managers first, and ``worker10`` after ``worker9``."""
    parts = [(part, 0) if not part.isdigit() else ("", int(part)) for part in _NUMBER.split(place.name)]
    return place.role is not NodeRole.MANAGER, parts


def _subnets(infos: Mapping[str, Mapping[str, Any]], links: list[Mapping[str, Any]]) -> tuple[IPv4Network, ...]:
    """Every interface's; Mininet keeps a host's first address with the host and the others with their links."""
    ends = [info.get("ip") for info in infos.values()]
    ends += [(link.get(end) or {}).get("ip") for link in links for end in ("params1", "params2")]
    return tuple(dict.fromkeys(IPv4Interface(address).network for address in ends if address))


def _slows(link: Mapping[str, Any]) -> bool:
    return Shape.parse(**{name: link[name] for name in _SHAPE if name in link}).slows
