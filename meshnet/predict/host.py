"""One namespace as a packet meets it."""

from __future__ import annotations

from ipaddress import IPv4Address

from meshnet.netstate import NamespaceRef, NetState
from meshnet.path import Cause
from meshnet.predict import causes
from meshnet.predict.netfilter import Netfilter
from meshnet.predict.routing import LO, Routes, Way
from meshnet.predict.settings import Settings

_LOOPBACK_MTU = 65536
_STRICT = 1
_LEADING = ("unicast", "local", "broadcast", "multipath")
"""Kinds of route that lead somewhere; the others say that nothing does."""

_LOOPBACK = 127
_MULTICAST = 0xE
_BROADCAST = 0xFFFFFFFF


class Host:
    """What follows from a namespace's state alone, worked out once. ``at`` is its name."""

    def __init__(self, at: NamespaceRef, state: NetState) -> None:
        self.at, self.state = at, state
        self.routes = Routes(state)
        self.settings = Settings(at, state.sysctls)
        self.ports: dict[str, list[str]] = {}
        for link in state.links.values():
            if link.master is not None:
                self.ports.setdefault(link.master, []).append(link.name)
        self._netfilter = Netfilter(at, state.rules, self.routes)
        self._neighbours = {(each.link, each.address): each.mac for each in state.neighbours}
        self._vteps: dict[tuple[str, str], list[IPv4Address]] = {}
        for entry in state.fdb:
            self._vteps.setdefault((entry.link, entry.mac), []).append(entry.vtep)
        self._tunnelled = {*self._vteps, *((each.link, each.mac) for each in state.neighbours)}

    def netfilter(self) -> Netfilter:
        """Its tables, and as yet no connection."""
        return self._netfilter.copy()

    def neighbour(self, link: str, address: IPv4Address) -> str | None:
        """The MAC of a permanent entry."""
        return self._neighbours.get((link, address))

    def vteps(self, link: str, mac: str) -> list[IPv4Address]:
        """Where a VXLAN device's permanent FDB sends frames for ``mac``."""
        return self._vteps.get((link, mac), [])

    def is_tunnelled(self, link: str, mac: str) -> bool:
        """Whether a VXLAN device has it in its FDB, or answers ARP with it: so a bridge takes it to be there."""
        return (link, mac) in self._tunnelled

    def mtu(self, link: str) -> int:
        return _LOOPBACK_MTU if link == LO else self.state.links[link].mtu

    def way_in(self, source: IPv4Address, destination: IPv4Address, link: str) -> Way | Cause:
        """Where what came in by ``link`` goes, or why nowhere (``ip_route_input_slow`` of route.c). Whether the
        namespace forwards is not asked."""
        for address in (source, destination):
            if _is_of_nobody(address):
                return causes.invalid_address(self.at, address)
        loopback = next((each for each in (destination, source) if _is_loopback(each)), None)
        if loopback is not None and not self.settings.routes_localnet(link):
            return causes.loopback_address(self.at, link, loopback)
        way = self.routes.find(destination)
        if way is None or way.kind not in _LEADING:
            return causes.no_route(self.at, destination, way)
        return self._judge_source(source, link, way) or way

    def _judge_source(self, source: IPv4Address, link: str, way: Way) -> Cause | None:
        """Why a source isn't believed (``fib_validate_source`` of fib_frontend.c). Without ``rp_filter`` it's enough
        that no interface here bears it, but for what goes out where it came in: of that redirects have to be told."""
        strictness = self.settings.rp_filter(link)
        turns_back = way.leads_out_by(link) and self.settings.sends_redirects(link)
        if not strictness and not turns_back:
            own = self.routes.is_assigned(source) and not self.settings.accepts_local(link)
            return causes.own_source(self.at, link, source) if own else None
        back = self.routes.find(source)
        unreachable = back is None or back.kind not in _LEADING
        if not unreachable and back is not None:
            if back.kind not in ("unicast", "multipath") and not (back.is_local and self.settings.accepts_local(link)):
                return causes.own_source(self.at, link, source)
            if back.leads_out_by(link):
                return None
        if strictness == _STRICT or (strictness and (unreachable or not self.routes.has_addresses(link))):
            return causes.no_way_back(self.at, link, source)
        return None

    def way_out(self, source: IPv4Address | None, destination: IPv4Address) -> Way | Cause:
        """Where what is sent here goes, or why nowhere (``ip_route_output_key_hash_rcu`` of route.c)."""
        way = self.routes.find(destination)
        if way is None or way.kind not in _LEADING:
            return causes.no_route(self.at, destination, way)
        leaves = source is not None and _is_loopback(source) and way.link != LO
        if source is not None and leaves and not self.settings.routes_localnet(way.link):
            return causes.loopback_address(self.at, way.link, source)
        return way


def _is_of_nobody(address: IPv4Address) -> bool:
    number = int(address)
    return number >> 24 == 0 or number >> 28 == _MULTICAST or number == _BROADCAST


def _is_loopback(address: IPv4Address) -> bool:
    return int(address) >> 24 == _LOOPBACK
