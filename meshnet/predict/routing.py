"""A namespace's routing tables: the local one, which the kernel keeps by itself, and the main one.

What the kernel adds for an address is worked out from the addresses (``fib_add_ifaddr`` of fib_frontend.c): the address
itself is local even while its interface is down; its subnet is reached by the interface while that is up.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from meshnet.netstate import Address, NetState, NextHop, Route
from meshnet.netstate.state import LOOPBACK

LO = "lo"


@dataclass(frozen=True, slots=True)
class Way:
    """A route that was found. ``kind`` is ``ip route``'s; one that is ``local`` leads to ``lo``. ``via`` is the next
    hop, None for the destination itself. ``source`` is what a packet gets that has none yet. ``text`` is the route as
    ``ip route`` prints it. Of a ``multipath`` route's ``hops``, ways themselves, each flow takes one."""

    kind: str
    link: str
    via: IPv4Address | None
    source: IPv4Address | None
    text: str
    hops: tuple[Way, ...] = ()

    @property
    def is_local(self) -> bool:
        return self.kind == "local"

    def leads_out_by(self, link: str) -> bool:
        return link == self.link or any(hop.link == link for hop in self.hops)


class Routes:
    """Those of one namespace."""

    def __init__(self, state: NetState) -> None:
        self._up = {LO, *(name for name, link in state.links.items() if link.up)}
        self._addresses = _Addresses(state)
        self._local = _Table((*self._addresses.local_routes(), *self._addresses.broadcast_routes(self._up)))
        self._main = _Table((*self._addresses.connected_routes(self._up), *self._static_routes(state.routes)))
        self._found: dict[IPv4Address, Way | None] = {}

    def find(self, destination: IPv4Address) -> Way | None:
        """None where no route leads; a route of another kind than ``unicast`` and ``local`` may lead nowhere too."""
        if destination not in self._found:
            self._found[destination] = self._local.find(destination) or self._main.find(destination)
        return self._found[destination]

    def is_local(self, address: IPv4Address, interface: str = "") -> bool:
        """As the local table has it; with an ``interface``, by what is on that."""
        way = self._local.find(address)
        return way is not None and way.is_local and interface in ("", self._addresses.interface_of(address))

    def is_broadcast(self, address: IPv4Address, interface: str = "") -> bool:
        way = self._local.find(address)
        return way is not None and way.kind == "broadcast" and interface in ("", way.link)

    def is_assigned(self, address: IPv4Address) -> bool:
        """Whether an interface bears exactly this address; of 127.0.0.0/8 only 127.0.0.1 does by itself."""
        return self._addresses.is_assigned(address)

    def has_addresses(self, interface: str) -> bool:
        return bool(self._addresses.on(interface))

    def first_address(self, interface: str) -> IPv4Address | None:
        return next((each.ip for each in self._addresses.on(interface)), None)

    def address_towards(self, interface: str, destination: IPv4Address) -> IPv4Address | None:
        """What a packet that leaves by ``interface`` gets for a source (``inet_select_addr``)."""
        way = self.find(destination)
        hop = way.via if way is not None and way.link == interface and way.via is not None else destination
        return self._addresses.select(interface, hop)

    def _static_routes(self, routes: Iterable[Route]) -> Iterator[_Entry]:
        for route in sorted(routes, key=_route_order):
            hops = tuple(self._hop(route, hop) for hop in route.hops if hop.link in self._up)
            if (route.link and route.link not in self._up) or (route.hops and not hops):
                continue
            source = self._addresses.select(route.link, route.via) if route.kind == "unicast" else None
            way = Way(route.kind, route.link, route.via, source, _route_text(route), hops)
            yield _Entry(route.destination, route.metric, way)

    def _hop(self, route: Route, hop: NextHop) -> Way:
        via = f" via {hop.via}" if hop.via is not None else ""
        text = f"{_route_text(route)} nexthop{via} dev {hop.link}"
        return Way("unicast", hop.link, hop.via, self._addresses.select(hop.link, hop.via), text)


@dataclass(frozen=True, slots=True)
class _Entry:
    network: IPv4Network
    metric: int
    way: Way


class _Table:
    """The longest prefix wins, then the lowest metric, then what came first."""

    def __init__(self, entries: Iterable[_Entry]) -> None:
        ordered = sorted(entries, key=lambda entry: (-entry.network.prefixlen, entry.metric))
        self._entries = [
            (int(entry.network.network_address), int(entry.network.netmask), entry.way) for entry in ordered
        ]

    def find(self, destination: IPv4Address) -> Way | None:
        number = int(destination)
        return next((way for network, mask, way in self._entries if number & mask == network), None)


class _Addresses:
    """Who has which address. Of several on an interface in one subnet the first is primary: the others' routes are
    its."""

    def __init__(self, state: NetState) -> None:
        self._all: dict[str, list[Address]] = {LO: [Address(LO, LOOPBACK)], **{name: [] for name in state.links}}
        for address in state.addresses:
            self._all.setdefault(address.link, []).append(address)
        self._primary = {link: _primary(addresses) for link, addresses in self._all.items()}
        self._interfaces = {
            address.interface.ip: link for link, addresses in self._all.items() for address in addresses
        }

    def on(self, interface: str) -> list[IPv4Interface]:
        return [address.interface for address in self._all.get(interface, [])]

    def is_assigned(self, address: IPv4Address) -> bool:
        return address in self._interfaces

    def interface_of(self, address: IPv4Address) -> str:
        """Whatever is local and nobody's own address is ``lo``'s."""
        return self._interfaces.get(address, LO)

    def select(self, interface: str, hop: IPv4Address | None) -> IPv4Address | None:
        """The primary address of ``interface`` in whose subnet the next ``hop`` is, else its first; if it has none,
        another interface's. Those of 127.0.0.0/8 don't count: their scope is the host."""
        candidates = [each for each in self._primary.get(interface, []) if not each.is_loopback]
        for each in candidates:
            if hop is not None and hop in each.network:
                return each.ip
        others = (each for link in self._primary.values() for each in link if not each.is_loopback)
        return next((each.ip for each in (*candidates, *others)), None)

    def local_routes(self) -> Iterator[_Entry]:
        for link, addresses in self._all.items():
            for address in addresses:
                primary = self._primary_of(address)
                yield _local(IPv4Network(address.interface.ip), link, primary)
                if link == LO and address.interface.network.prefixlen < 32:
                    yield _local(address.interface.network, link, primary)

    def broadcast_routes(self, up: set[str]) -> Iterator[_Entry]:
        for link, addresses in self._all.items():
            for address in addresses:
                network = address.interface.network
                ends = [address.broadcast, network.broadcast_address if network.prefixlen < 31 else None]
                for end in dict.fromkeys(end for end in ends if end is not None and link in up):
                    way = Way("broadcast", link, None, None, f"broadcast {end} dev {link}")
                    yield _Entry(IPv4Network(end), 0, way)

    def connected_routes(self, up: set[str]) -> Iterator[_Entry]:
        for link, primaries in self._primary.items():
            for address in primaries:
                if link in up and link != LO and address.network.prefixlen < 32:
                    text = f"{address.network} dev {link} proto kernel scope link src {address.ip}"
                    yield _Entry(address.network, 0, Way("unicast", link, None, address.ip, text))

    def _primary_of(self, address: Address) -> IPv4Address:
        return next(each.ip for each in self._primary[address.link] if each.network == address.interface.network)


def _primary(addresses: Iterable[Address]) -> list[IPv4Interface]:
    found: dict[IPv4Network, IPv4Interface] = {}
    for address in addresses:
        found.setdefault(address.interface.network, address.interface)
    return list(found.values())


def _local(network: IPv4Network, link: str, source: IPv4Address) -> _Entry:
    name = network.network_address if network.prefixlen == 32 else network
    return _Entry(
        network, 0, Way("local", LO, None, source, f"local {name} dev {link} proto kernel scope host src {source}")
    )


def _route_order(route: Route) -> tuple[str, int, str, str]:
    return str(route.destination), route.metric, route.link, str(route.via)


def _route_text(route: Route) -> str:
    words = [] if route.kind in ("unicast", "multipath") else [route.kind]
    words.append("default" if route.destination.prefixlen == 0 else str(route.destination))
    words += [f"via {route.via}"] if route.via is not None else []
    words += [f"dev {route.link}"] if route.link else []
    words += [f"metric {route.metric}"] if route.metric else []
    return " ".join(words)
