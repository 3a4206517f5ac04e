"""What of one namespace differs, its interfaces' coming and going apart."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from typing import Protocol, TypeVar

from meshnet.netstate.change import (
    AddAddress,
    AddDestination,
    AddFdbEntry,
    AddNeighbour,
    AddRoute,
    AddVirtualService,
    Change,
    ChangeRules,
    DropAddress,
    DropDestination,
    DropFdbEntry,
    DropNeighbour,
    DropRoute,
    DropVirtualService,
    SetDestination,
    SetLink,
    SetSysctl,
    SetVirtualService,
)
from meshnet.netstate.ipvs import VirtualService
from meshnet.netstate.link_diff import LinkDiff
from meshnet.netstate.namespace import NamespaceRef
from meshnet.netstate.ruleset_change import diff_rulesets
from meshnet.netstate.state import NO_MAC, Address, FdbEntry, Neighbour, NetState, Route


class OnLink(Protocol):
    """What lies on an interface."""

    @property
    def link(self) -> str: ...


Item = TypeVar("Item", bound=OnLink)

_LINK_SYSCTL = re.compile(r"net\.ipv[46]\.(?:conf|neigh)\.(?P<link>.+)\.[^.]+")


def link_of_sysctl(name: str) -> str | None:
    """The interface that a sysctl is of, or None: ``docker0`` for ``net.ipv4.conf.docker0.route_localnet``. A dot in an
    interface's name is a slash in a sysctl's."""
    found = _LINK_SYSCTL.fullmatch(name)
    link = found["link"].replace("/", ".") if found else None
    return None if link in ("all", "default") else link


class NamespaceDiff:
    """What turns ``have`` into ``want`` in ``ref``; ``last`` as for ``diff``. What is on an interface that goes counts
    as gone already, and nothing is known of one that is made anew."""

    def __init__(
        self, ref: NamespaceRef, want: NetState, have: NetState, last: NetState | None, links: LinkDiff
    ) -> None:
        self._ref, self._want, self._have, self._last = ref, want, have, last
        self._foreign = want.foreign | have.foreign
        self._dropped = {name for where, name in links.dropped if where == ref}
        self._added = {name for where, name in links.added if where == ref}

    def sysctls(self, *, of_links: bool) -> Iterator[SetSysctl]:
        """Those of interfaces, which have to be there first, or the others."""
        for name, value in self._want.sysctls.items():
            link = link_of_sysctl(name)
            old = None if link in self._added else self._have.sysctls.get(name)
            if (link is not None) is of_links and old != value:
                yield SetSysctl(self._ref, name, value, old)

    def changes(self) -> Iterator[Change]:
        """All the rest."""
        yield from self._links()
        yield from self.sysctls(of_links=True)
        yield from self._addresses_and_routes()
        yield from self._neighbours()
        yield from self._fdb()
        tables = diff_rulesets(self._want.rules, self._have.rules, self._last.rules if self._last else None)
        if tables:
            yield ChangeRules(self._ref, tables)
        yield from self._ipvs()

    def _links(self) -> Iterator[SetLink]:
        lo = self._have.links.get("lo")
        if lo is not None and not lo.up:
            yield SetLink(self._ref, replace(lo, up=True), lo)
        for name, link in self._want.links.items():
            if name in self._added or name in self._foreign or name not in self._have.links:
                continue
            old = self._have.links[name]
            if old.master in self._dropped:
                old = replace(old, master=None)
            if (link.mac or old.mac, link.mtu, link.master, link.up) != (old.mac, old.mtu, old.master, old.up):
                yield SetLink(self._ref, link, old)

    def _there(self, items: Collection[Item]) -> list[Item]:
        """Those of ``have``'s that are on interfaces which are ours to look at, and stay."""
        return [item for item in items if item.link not in self._foreign and item.link not in self._dropped]

    def _wanted(self, items: Collection[Item]) -> list[Item]:
        return [item for item in items if item.link not in self._foreign]

    def _addresses_and_routes(self) -> Iterator[Change]:
        have, want = self._there(self._have.addresses), self._wanted(self._want.addresses)
        last = self._last.addresses if self._last else None
        gone = list(_unwanted(want, have, last, lambda address: (address.link, address.interface)))
        kept = [address for address in have if address not in gone and not _is_lost(address, have, gone)]
        # later ones first: an earlier one might take them with it
        yield from (DropAddress(self._ref, address) for address in reversed(gone))
        yield from (AddAddress(self._ref, address) for address in want if address not in kept)
        # the kernel takes a link's routes away with its last address
        bare = {address.link for address in have} - {address.link for address in kept} - {"lo"}
        yield from self._routes(bare)

    def _routes(self, bare: set[str]) -> Iterator[AddRoute | DropRoute]:
        have = [route for route in self._there(self._have.routes) if route.link not in bare]
        want = self._wanted(self._want.routes)
        last = self._last.routes if self._last else None
        gone = _unwanted(want, have, last, lambda route: (route.destination, route.metric))
        yield from (DropRoute(self._ref, route) for route in sorted(gone, key=_route_order))
        yield from (AddRoute(self._ref, route) for route in sorted({*want} - {*have}, key=_route_order))

    def _neighbours(self) -> Iterator[AddNeighbour | DropNeighbour]:
        have, want = self._there(self._have.neighbours), self._wanted(self._want.neighbours)
        last = self._last.neighbours if self._last else None
        replaced = {(entry.link, entry.address) for entry in want}
        for entry in sorted(_unwanted(want, have, last), key=_neighbour_order):
            if (entry.link, entry.address) not in replaced:
                yield DropNeighbour(self._ref, entry)
        yield from (AddNeighbour(self._ref, entry) for entry in sorted({*want} - {*have}, key=_neighbour_order))

    def _fdb(self) -> Iterator[AddFdbEntry | DropFdbEntry]:
        have, want = self._there(self._have.fdb), self._wanted(self._want.fdb)
        last = self._last.fdb if self._last else None
        replaced = {(entry.link, entry.mac) for entry in want if entry.mac != NO_MAC}
        for entry in sorted(_unwanted(want, have, last), key=_fdb_order):
            if (entry.link, entry.mac) not in replaced:
                yield DropFdbEntry(self._ref, entry)
        yield from (AddFdbEntry(self._ref, entry) for entry in sorted({*want} - {*have}, key=_fdb_order))

    def _ipvs(self) -> Iterator[Change]:
        last = self._last.ipvs if self._last else None
        for mark, service in self._have.ipvs.items():
            if mark not in self._want.ipvs and (last is None or mark in last):
                yield DropVirtualService(self._ref, replace(service, destinations=()))
        for mark, service in self._want.ipvs.items():
            there = self._have.ipvs.get(mark)
            new, old = replace(service, destinations=()), replace(there or service, destinations=())
            if there is None:
                yield AddVirtualService(self._ref, new)
            elif new != old:
                yield SetVirtualService(self._ref, new, old)
            before = None if last is None else last.get(mark, VirtualService(mark))
            yield from self._destinations(service, there or VirtualService(mark), before)

    def _destinations(
        self, want: VirtualService, have: VirtualService, last: VirtualService | None
    ) -> Iterator[AddDestination | SetDestination | DropDestination]:
        wanted = {(server.address, server.port): server for server in want.destinations}
        there = {(server.address, server.port): server for server in have.destinations}
        ours = None if last is None else {(server.address, server.port) for server in last.destinations}
        for key, server in there.items():
            if key not in wanted and (ours is None or key in ours):
                yield DropDestination(self._ref, want.mark, server)
        for key, server in wanted.items():
            if key not in there:
                yield AddDestination(self._ref, want.mark, server)
            elif there[key] != server:
                yield SetDestination(self._ref, want.mark, server, there[key])


def _unwanted(
    want: Collection[Item],
    have: Collection[Item],
    last: Collection[Item] | None,
    place: Callable[[Item], object] = lambda item: item,
) -> Iterator[Item]:
    """What of ``have`` is to go: what isn't wanted and is ours, or is in the ``place`` of something wanted."""
    wanted, taken = set(want), {place(item) for item in want}
    ours = None if last is None else set(last)
    for item in have:
        if item not in wanted and (ours is None or item in ours or place(item) in taken):
            yield item


def _is_lost(address: Address, have: list[Address], gone: list[Address]) -> bool:
    """Whether it goes with another: the first address of a subnet on a link takes the later ones with it
    (``promote_secondaries`` is 0)."""
    return bool(gone) and any(
        other.link == address.link and other.interface.network == address.interface.network
        for other in have[: have.index(address)]
        if other in gone
    )


def _route_order(route: Route) -> tuple[object, ...]:
    """Routes to a link's own neighbours first: the next hop of another may lie behind one."""
    return (
        route.via is not None,
        -route.destination.prefixlen,
        route.destination,
        route.metric,
        route.link,
        route.kind,
    )


def _neighbour_order(entry: Neighbour) -> tuple[object, ...]:
    return (entry.link, entry.address, entry.mac)


def _fdb_order(entry: FdbEntry) -> tuple[object, ...]:
    return (entry.link, entry.mac, entry.vtep)
