"""What a lab makes of a topology, on paper: the namespaces of its hosts, and the one that its switches are in.

This is Mininet's way of building (``buildFromTopo`` and ``configHosts`` of mininet/net.py), with the names and MACs
that a lab gives.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Any

from mininet.topo import Topo

from meshnet.errors import InputError
from meshnet.netstate import Address, Bridge, Link, NamespaceRef, NetState, NextHop, Route, Veth
from meshnet.netstate.namespace import SWITCHES
from topo.machines import UNDERLAY
from topo.ports import interface_name, mac_of_port
from topo.route import ROUTER_SYSCTLS, StaticRoute

SWITCH_SYSCTLS = {"net.bridge.bridge-nf-call-iptables": "0"}
"""Switches are bridges and nothing more: iptables doesn't look at what they carry."""

_ANYWHERE = IPv4Network("0.0.0.0/0")
_BARE_PREFIX = 8
"""Mininet's, for a host's address that is given without one."""


def underlay(topology: Topo) -> dict[NamespaceRef, NetState]:
    """Every namespace as it is once a lab has cabled ``topology``, and has put nothing on it yet. Raises ``InputError``
    for a gateway that no interface leads to."""
    cables = [_ends(topology, info) for _, _, info in topology.links(sort=True, withInfo=True)]
    hosts = (_host(topology, name, number, cables) for number, name in enumerate(topology.hosts(), 1))
    return {SWITCHES: _switches(topology, cables), **{host.at: host.state() for host in hosts}}


@dataclass(frozen=True, slots=True)
class _End:
    """One end of a cable, with the address that comes with the cable."""

    node: str
    port: int
    at: NamespaceRef
    name: str
    mac: str | None
    address: IPv4Interface | None


_Cable = tuple[_End, _End]


def _ends(topology: Topo, info: dict[str, Any]) -> _Cable:
    one, other = (_end(topology, info, side) for side in ("1", "2"))
    return one, other


def _end(topology: Topo, info: dict[str, Any], side: str) -> _End:
    node, port = info[f"node{side}"], info[f"port{side}"]
    of_switch = topology.isSwitch(node)
    address = (info.get(f"params{side}") or {}).get("ip")
    return _End(
        node,
        port,
        SWITCHES if of_switch else NamespaceRef(node),
        info.get(f"intfName{side}") or interface_name(node, port, of_switch=of_switch),
        info.get(f"addr{side}", mac_of_port(node, port)),
        IPv4Interface(address) if address else None,
    )


def _of_node(cables: list[_Cable], node: str) -> Iterator[tuple[_End, _End]]:
    """Its ends and the other ends, in the order in which they are made."""
    for one, other in cables:
        yield from ((here, there) for here, there in ((one, other), (other, one)) if here.node == node)


def _link(here: _End, there: _End, master: str | None = None) -> Link:
    return Link(here.name, Veth(there.name, there.at), here.mac, master=master)


def _switches(topology: Topo, cables: list[_Cable]) -> NetState:
    """A bridge has the lowest of its ports' MACs (``br_stp_recalculate_bridge_id`` of net/bridge/br_stp_if.c)."""
    links: dict[str, Link] = {}
    for switch in topology.switches():
        ports = [_link(here, there, switch) for here, there in _of_node(cables, switch)]
        mac = min((port.mac for port in ports if port.mac is not None), default=None)
        links |= {switch: Link(switch, Bridge(), mac), **{port.name: port for port in ports}}
    return NetState(links, sysctls=SWITCH_SYSCTLS)


@dataclass(frozen=True, slots=True)
class _Host:
    """``links`` and ``addresses`` are in the order of the interfaces, ``routes`` by destination: a later one takes an
    earlier one's place."""

    at: NamespaceRef
    links: dict[str, Link]
    addresses: dict[str, IPv4Interface]
    routes: dict[IPv4Network, Route]
    sysctls: dict[str, str]

    def state(self) -> NetState:
        addresses = (
            Address(name, address, address.network.broadcast_address if address.network.prefixlen < 31 else None)
            for name, address in self.addresses.items()
        )
        return NetState(self.links, tuple(addresses), frozenset(self.routes.values()), sysctls=self.sysctls)


def _host(topology: Topo, name: str, number: int, cables: list[_Cable]) -> _Host:
    """The ``number``-th. Its own address and MAC go to its first interface, that of the lowest port."""
    info = topology.nodeInfo(name)
    ends = list(_of_node(cables, name))
    links = {here.name: _link(here, there) for here, there in ends}
    addresses = {here.name: here.address for here, _ in ends}
    if ends:
        first = min((here for here, _ in ends), key=lambda end: end.port).name
        addresses[first] = _own_address(info, number) or addresses[first]
        links[first] = replace(links[first], mac=info.get("mac") or links[first].mac)
    there = {link: address for link, address in addresses.items() if address is not None}
    routes = {each.destination: each for each in _routes(name, info, there)}
    return _Host(NamespaceRef(name), links, there, routes, ROUTER_SYSCTLS if info.get("role") == "router" else {})


def _own_address(info: dict[str, Any], number: int) -> IPv4Interface | None:
    """One that says nothing of an address gets the next of Mininet's own network."""
    network = IPv4Network(UNDERLAY)
    given = info.get("ip", f"{network[number]}/{network.prefixlen}")
    if given is None:
        return None
    return IPv4Interface(given if "/" in given else f"{given}/{_BARE_PREFIX}")


def _routes(host: str, info: dict[str, Any], addresses: dict[str, IPv4Interface]) -> Iterator[Route]:
    words = str(info.get("defaultRoute") or "").split()
    options = dict(zip(words[::2], words[1::2], strict=False)) if len(words) > 1 else {"dev": "".join(words)}
    if "via" in options:
        gateway = IPv4Address(options["via"])
        yield Route(_ANYWHERE, options.get("dev") or _towards(host, gateway, addresses), gateway)
    elif options["dev"]:
        yield Route(_ANYWHERE, options["dev"])
    for route in info.get("routes", ()):
        yield _static(host, route, addresses)


def _static(host: str, route: StaticRoute, addresses: dict[str, IPv4Interface]) -> Route:
    hops = tuple(NextHop(_towards(host, gateway, addresses), gateway) for gateway in route.via)
    if len(hops) > 1:
        return Route(route.destination, "", kind="multipath", hops=hops)
    return Route(route.destination, hops[0].link, hops[0].via)


def _towards(host: str, gateway: IPv4Address, addresses: dict[str, IPv4Interface]) -> str:
    """The interface in whose subnet ``gateway`` is, the smallest if there are several."""
    leading = [(address.network.prefixlen, name) for name, address in addresses.items() if gateway in address.network]
    if not leading:
        raise InputError(f"{host} has a route by {gateway}, and no interface in a subnet with it")
    return max(leading)[1]
