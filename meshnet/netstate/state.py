"""What one network namespace holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from meshnet.netstate.ipvs import VirtualService
from meshnet.netstate.link import Link
from meshnet.netstate.namespace import NamespaceRef
from meshnet.netstate.ruleset import Ruleset

__all__ = ["LOOPBACK", "NO_MAC", "Address", "FdbEntry", "NamespaceRef", "Neighbour", "NetState", "NextHop", "Route"]

LOOPBACK = IPv4Interface("127.0.0.1/8")
"""The address that the kernel gives every ``lo`` when it comes up."""

NO_MAC = "00:00:00:00:00:00"
"""In an FDB: where frames go for which there is no entry. It may have several VTEPs, which all get a copy."""


@dataclass(frozen=True, slots=True)
class Address:
    """An IPv4 address on an interface; ``broadcast`` as ``ip addr`` shows it, or None. A VIP is a /32 without one
    (18.x set one equal to the address, as the article shows)."""

    link: str
    interface: IPv4Interface
    broadcast: IPv4Address | None = None


@dataclass(frozen=True, slots=True)
class NextHop:
    """One of several that a route spreads its flows over; ``via`` is None for the destination itself, ``weight`` its
    share."""

    link: str
    via: IPv4Address | None = None
    weight: int = 1


@dataclass(frozen=True, slots=True)
class Route:
    """A route of the main table. Those the kernel adds for an address are not listed.

    ``kind`` and ``metric`` are ``ip route``'s: ``unicast``, ``blackhole``, ``unreachable``, ... One of several next
    ``hops``, in their order, is of kind ``multipath``, and is only ever observed. ``link`` is empty where a route has
    none of its own.
    """

    destination: IPv4Network
    link: str
    via: IPv4Address | None = None
    metric: int = 0
    kind: str = "unicast"
    hops: tuple[NextHop, ...] = ()


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A permanent neighbour entry (IP to MAC): what ``vxlan0`` answers ARP from."""

    link: str
    address: IPv4Address
    mac: str


@dataclass(frozen=True, slots=True)
class FdbEntry:
    """A permanent ``self`` FDB entry of a VXLAN device: MAC behind VTEP."""

    link: str
    mac: str
    vtep: IPv4Address


@dataclass(frozen=True, slots=True)
class NetState:
    """One namespace. ``lo`` is always there and up, so it is not among the links, but its addresses other than
    127.0.0.1/8 are among the addresses.

    ``links`` and ``addresses`` are in the order they are to be made (indexes and ``ip addr`` follow it; a diff does not
    care). ``foreign`` names interfaces that
    somebody else made and owns (the topology's underlay); a diff leaves them, and what is on them, alone. ``sysctls``
    are dotted names (``net.ipv4.ip_forward``) and hold only what Docker sets: others are nobody's business.
    """

    links: Mapping[str, Link] = field(default_factory=dict)
    addresses: tuple[Address, ...] = ()
    routes: frozenset[Route] = frozenset()
    neighbours: frozenset[Neighbour] = frozenset()
    fdb: frozenset[FdbEntry] = frozenset()
    sysctls: Mapping[str, str] = field(default_factory=dict)
    rules: Ruleset = field(default_factory=Ruleset)
    ipvs: Mapping[int, VirtualService] = field(default_factory=dict)
    foreign: frozenset[str] = frozenset()
