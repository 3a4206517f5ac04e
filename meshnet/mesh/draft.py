"""Namespaces in the making: what several renderers put into one, before it is frozen to a ``NetState``."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from meshnet.mesh.iptables import RulesetDraft
from meshnet.netstate import (
    Address,
    FdbEntry,
    Link,
    NamespaceRef,
    Neighbour,
    NetState,
    Route,
    Veth,
    VirtualService,
)

LINK_NAME_LENGTH = 15
"""The longest interface name Linux takes (``IFNAMSIZ`` less its NUL)."""

ANYWHERE = IPv4Network("0.0.0.0/0")


class Draft:
    """One namespace. Links and addresses keep the order they are added in: it is the order they are made in."""

    def __init__(self, ref: NamespaceRef) -> None:
        self.ref = ref
        self.iptables = RulesetDraft(str(ref))
        self._links: dict[str, Link] = {}
        self._addresses: list[Address] = []
        self._routes: set[Route] = set()
        self._neighbours: set[Neighbour] = set()
        self._fdb: set[FdbEntry] = set()
        self._sysctls: dict[str, str] = {}
        self._ipvs: dict[int, VirtualService] = {}
        self._foreign: set[str] = set()

    def add_link(self, link: Link) -> None:
        """Raises ``ValueError`` for a name that is taken, or one that Linux would not take."""
        if link.name in self._links or link.name == "lo":
            raise ValueError(f"{self.ref}: expected an unused name for an interface, found {link.name!r} twice")
        if not 0 < len(link.name) <= LINK_NAME_LENGTH:
            raise ValueError(f"{self.ref}: expected a name of 1 to {LINK_NAME_LENGTH} characters, found {link.name!r}")
        self._links[link.name] = link

    def add_address(self, link: str, interface: IPv4Interface) -> None:
        """An ordinary address, with its subnet's broadcast address."""
        self._addresses.append(Address(link, interface, interface.network.broadcast_address))

    def add_alias(self, link: str, address: IPv4Address, *, broadcast: IPv4Address | None) -> None:
        """A /32 beside the link's own address, as a VIP is."""
        self._addresses.append(Address(link, IPv4Interface(address), broadcast))

    def add_default_route(self, link: str, via: IPv4Address) -> None:
        self.add_route(Route(ANYWHERE, link, via))

    def add_route(self, route: Route) -> None:
        self._routes.add(route)

    def add_neighbour(self, link: str, address: IPv4Address, mac: str) -> None:
        self._neighbours.add(Neighbour(link, address, mac))

    def add_fdb_entry(self, link: str, mac: str, vtep: IPv4Address) -> None:
        self._fdb.add(FdbEntry(link, mac, vtep))

    def set_sysctl(self, name: str, value: str) -> None:
        self._sysctls[name] = value

    def add_virtual_service(self, service: VirtualService) -> None:
        """Raises ``ValueError`` for a mark that another service has."""
        if service.mark in self._ipvs:
            raise ValueError(f"{self.ref}: expected one IPVS service a mark, found {service.mark:#x} twice")
        self._ipvs[service.mark] = service

    def leave_alone(self, link: str) -> None:
        """Declare an interface somebody else's: it, and all that is on it, is never touched."""
        self._foreign.add(link)

    def freeze(self) -> NetState:
        return NetState(
            links=dict(self._links),
            addresses=tuple(self._addresses),
            routes=frozenset(self._routes),
            neighbours=frozenset(self._neighbours),
            fdb=frozenset(self._fdb),
            sysctls=dict(self._sysctls),
            rules=self.iptables.freeze(),
            ipvs=dict(self._ipvs),
            foreign=frozenset(self._foreign),
        )


class Drafts:
    """Every namespace made so far. One renderer makes a namespace, any later one may add to it."""

    def __init__(self) -> None:
        self._drafts: dict[NamespaceRef, Draft] = {}

    def make(self, ref: NamespaceRef) -> Draft:
        """A new, empty namespace. Raises ``ValueError`` if somebody made it before."""
        if ref in self._drafts:
            raise ValueError(f"expected {ref} to be made once, found it made before")
        self._drafts[ref] = Draft(ref)
        return self._drafts[ref]

    def __getitem__(self, ref: NamespaceRef) -> Draft:
        if ref not in self._drafts:
            raise LookupError(f"expected {ref} to have been made by an earlier renderer, found no such namespace")
        return self._drafts[ref]

    def __contains__(self, ref: NamespaceRef) -> bool:
        return ref in self._drafts

    def __iter__(self) -> Iterator[Draft]:
        return iter(self._drafts.values())


def plug(inside: Draft, name: str, mac: str, *, into: Draft, bridge: str, port: str, mtu: int) -> None:
    """One veth pair: interface ``name`` of ``inside`` on ``port`` of ``bridge`` in ``into``. ``mtu`` is in bytes.

    The kernel draws the port's MAC: nothing is ever addressed to it.
    """
    inside.add_link(Link(name, Veth(port, into.ref), mac=mac, mtu=mtu))
    into.add_link(Link(port, Veth(name, inside.ref), mtu=mtu, master=bridge))
