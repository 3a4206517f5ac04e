"""Changes to what namespaces hold, and the plan they make up. Each prints as a line that a person can read.

``+`` is something that is made, ``-`` something that goes, ``~`` something that stays and becomes different.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from meshnet.netstate.ipvs import Destination, VirtualService
from meshnet.netstate.link import Bridge, Link, OtherLink, Veth, Vxlan
from meshnet.netstate.namespace import NamespaceRef
from meshnet.netstate.ruleset_change import TableChange
from meshnet.netstate.state import Address, FdbEntry, Neighbour, Route


@dataclass(frozen=True, slots=True)
class MakeNamespace:
    """A new, empty namespace with ``lo`` up."""

    namespace: NamespaceRef

    def __str__(self) -> str:
        return f"{self.namespace}: + namespace"


@dataclass(frozen=True, slots=True)
class DropNamespace:
    """The namespace goes, with all that is still in it."""

    namespace: NamespaceRef

    def __str__(self) -> str:
        return f"{self.namespace}: - namespace"


@dataclass(frozen=True, slots=True)
class AddLink:
    """A new interface with all that it says of itself; a veth's ``peer`` is made with it, in ``link.kind``'s place."""

    namespace: NamespaceRef
    link: Link
    peer: Link | None = None

    def __str__(self) -> str:
        line = f"{self.namespace}: + link {describe(self.link)}"
        return f"{line}; there {describe(self.peer)}" if self.peer else line


@dataclass(frozen=True, slots=True)
class DropLink:
    """An interface goes, and if it is one end of a veth, so does the other (``peer``, where that is known)."""

    namespace: NamespaceRef
    name: str
    peer: tuple[NamespaceRef, str] | None = None

    def __str__(self) -> str:
        line = f"{self.namespace}: - link {self.name}"
        return f"{line}, and so {self.peer[1]} in {self.peer[0]}" if self.peer else line


@dataclass(frozen=True, slots=True)
class SetLink:
    """An interface is to be as ``link`` says; ``old`` is what it was. A MAC of None stays what it is."""

    namespace: NamespaceRef
    link: Link
    old: Link

    def __str__(self) -> str:
        differing = [
            f"{word} {was} -> {wanted}"
            for word, was, wanted in (
                ("mac", self.old.mac, self.link.mac or self.old.mac),
                ("mtu", self.old.mtu, self.link.mtu),
                ("master", self.old.master or "none", self.link.master or "none"),
                ("state", _up(self.old), _up(self.link)),
            )
            if was != wanted
        ]
        return f"{self.namespace}: ~ link {self.link.name}: {', '.join(differing)}"


def describe(link: Link) -> str:
    """A link in the words of ``ip link add``, near enough."""
    words = [link.name]
    match link.kind:
        case Veth(peer, namespace):
            words.append(f"veth to {peer} in {namespace}" if peer else "veth")
        case Bridge():
            words.append("bridge")
        case Vxlan(vni, port, underlay, learning, proxy, l2miss, l3miss):
            flags = {"learning": learning, "proxy": proxy, "l2miss": l2miss, "l3miss": l3miss}
            words.append(f"vxlan {vni} port {port}" + (f" over {underlay}" if underlay else ""))
            words.extend(f"no {flag}" for flag, there in flags.items() if not there)
        case OtherLink(kind):
            words.append(kind)
    if link.mac:
        words.append(f"mac {link.mac}")
    words.append(f"mtu {link.mtu}")
    if link.master:
        words.append(f"master {link.master}")
    if not link.up:
        words.append("down")
    return " ".join(words)


def _up(link: Link) -> str:
    return "up" if link.up else "down"


@dataclass(frozen=True, slots=True)
class SetSysctl:
    """``old`` is None where it was not looked at."""

    namespace: NamespaceRef
    name: str
    value: str
    old: str | None = None

    def __str__(self) -> str:
        was = f"{self.old} -> " if self.old is not None else ""
        return f"{self.namespace}: ~ sysctl {self.name}: {was}{self.value}"


@dataclass(frozen=True, slots=True)
class AddAddress:
    namespace: NamespaceRef
    address: Address

    def __str__(self) -> str:
        return f"{self.namespace}: + address {_address(self.address)}"


@dataclass(frozen=True, slots=True)
class DropAddress:
    namespace: NamespaceRef
    address: Address

    def __str__(self) -> str:
        return f"{self.namespace}: - address {_address(self.address)}"


def _address(address: Address) -> str:
    broadcast = f" brd {address.broadcast}" if address.broadcast is not None else ""
    return f"{address.interface}{broadcast} dev {address.link}"


@dataclass(frozen=True, slots=True)
class AddRoute:
    namespace: NamespaceRef
    route: Route

    def __str__(self) -> str:
        return f"{self.namespace}: + route {_route(self.route)}"


@dataclass(frozen=True, slots=True)
class DropRoute:
    namespace: NamespaceRef
    route: Route

    def __str__(self) -> str:
        return f"{self.namespace}: - route {_route(self.route)}"


def _route(route: Route) -> str:
    kind = "" if route.kind == "unicast" else f"{route.kind} "
    destination = "default" if route.destination.prefixlen == 0 else str(route.destination)
    via = f" via {route.via}" if route.via is not None else ""
    link = f" dev {route.link}" if route.link else ""
    metric = f" metric {route.metric}" if route.metric else ""
    hops = "".join(f" nexthop via {hop.via} dev {hop.link}" for hop in route.hops)
    return f"{kind}{destination}{via}{link}{metric}{hops}"


@dataclass(frozen=True, slots=True)
class AddNeighbour:
    """A permanent entry, in place of any other for that address on that link."""

    namespace: NamespaceRef
    neighbour: Neighbour

    def __str__(self) -> str:
        return f"{self.namespace}: + neighbour {_neighbour(self.neighbour)}"


@dataclass(frozen=True, slots=True)
class DropNeighbour:
    namespace: NamespaceRef
    neighbour: Neighbour

    def __str__(self) -> str:
        return f"{self.namespace}: - neighbour {_neighbour(self.neighbour)}"


def _neighbour(neighbour: Neighbour) -> str:
    return f"{neighbour.address} lladdr {neighbour.mac} dev {neighbour.link}"


@dataclass(frozen=True, slots=True)
class AddFdbEntry:
    """A permanent entry, in place of any other for that MAC on that link; several for the all-zero MAC, which floods,
    stand side by side."""

    namespace: NamespaceRef
    entry: FdbEntry

    def __str__(self) -> str:
        return f"{self.namespace}: + fdb {_fdb(self.entry)}"


@dataclass(frozen=True, slots=True)
class DropFdbEntry:
    namespace: NamespaceRef
    entry: FdbEntry

    def __str__(self) -> str:
        return f"{self.namespace}: - fdb {_fdb(self.entry)}"


def _fdb(entry: FdbEntry) -> str:
    return f"{entry.mac} dst {entry.vtep} dev {entry.link}"


@dataclass(frozen=True, slots=True)
class ChangeRules:
    """All that changes in the iptables of one namespace; each table's changes are made at once, or not at all."""

    namespace: NamespaceRef
    tables: tuple[TableChange, ...]

    def __str__(self) -> str:
        return "\n".join(f"{self.namespace}: {line}" for table in self.tables for line in table.lines())


@dataclass(frozen=True, slots=True)
class AddVirtualService:
    """The service alone: its destinations are added one by one."""

    namespace: NamespaceRef
    service: VirtualService

    def __str__(self) -> str:
        return f"{self.namespace}: + ipvs service {_service(self.service)}"


@dataclass(frozen=True, slots=True)
class SetVirtualService:
    namespace: NamespaceRef
    service: VirtualService
    old: VirtualService

    def __str__(self) -> str:
        return f"{self.namespace}: ~ ipvs service {_service(self.old)} -> {_service(self.service)}"


@dataclass(frozen=True, slots=True)
class DropVirtualService:
    """The service goes, and its destinations with it."""

    namespace: NamespaceRef
    service: VirtualService

    def __str__(self) -> str:
        return f"{self.namespace}: - ipvs service {_service(self.service)}"


def _service(service: VirtualService) -> str:
    persistent = f" persistent {service.persistent} s" if service.persistent else ""
    return f"mark {service.mark:#x} {service.scheduler}{persistent}"


@dataclass(frozen=True, slots=True)
class AddDestination:
    namespace: NamespaceRef
    mark: int
    destination: Destination

    def __str__(self) -> str:
        return f"{self.namespace}: + ipvs destination {_destination(self.mark, self.destination)}"


@dataclass(frozen=True, slots=True)
class SetDestination:
    namespace: NamespaceRef
    mark: int
    destination: Destination
    old: Destination

    def __str__(self) -> str:
        was = f"weight {self.old.weight} {self.old.forwarding}"
        return f"{self.namespace}: ~ ipvs destination {_destination(self.mark, self.destination)} (was {was})"


@dataclass(frozen=True, slots=True)
class DropDestination:
    namespace: NamespaceRef
    mark: int
    destination: Destination

    def __str__(self) -> str:
        return f"{self.namespace}: - ipvs destination {_destination(self.mark, self.destination)}"


def _destination(mark: int, destination: Destination) -> str:
    port = f":{destination.port}" if destination.port else ""
    return f"{destination.address}{port} weight {destination.weight} {destination.forwarding} of mark {mark:#x}"


Change: TypeAlias = (
    MakeNamespace
    | DropNamespace
    | AddLink
    | DropLink
    | SetLink
    | SetSysctl
    | AddAddress
    | DropAddress
    | AddRoute
    | DropRoute
    | AddNeighbour
    | DropNeighbour
    | AddFdbEntry
    | DropFdbEntry
    | ChangeRules
    | AddVirtualService
    | SetVirtualService
    | DropVirtualService
    | AddDestination
    | SetDestination
    | DropDestination
)


@dataclass(frozen=True, slots=True)
class Plan:
    """Changes in an order in which they can be made. False when there are none; its text has one line for each."""

    changes: tuple[Change, ...] = ()

    def __iter__(self) -> Iterator[Change]:
        return iter(self.changes)

    def __len__(self) -> int:
        return len(self.changes)

    def __str__(self) -> str:
        return "\n".join(map(str, self.changes))
