"""What a lab makes of a topology, on paper."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Any

import pytest
from mininet.topo import Topo

from meshnet.errors import InputError
from meshnet.netstate import Bridge, Link, NamespaceRef, NextHop, Route, Veth
from meshnet.netstate.namespace import SWITCHES
from topo import LeafSpineTopo, SwarmTopo, TwoSiteTopo, topos
from topo.machines import mac_of
from topo.route import StaticRoute
from topo.underlay import underlay

CLIENT = NamespaceRef("client")
ANYWHERE = IPv4Network("0.0.0.0/0")


class OneHost(Topo):  # type: ignore[misc]  # Mininet has no types
    """One host on one switch, with the options given; and one that stands alone."""

    def build(self, **options: Any) -> None:
        self.addHost("alone")
        self.addHost("host", **options)
        self.addSwitch("s1")
        self.addLink("host", "s1")


@pytest.mark.parametrize("name", topos)
def test_each_cable_has_two_ends(name: str) -> None:
    states = underlay(topos[name]())
    assert len(states) == 1 + len(topos[name]().hosts())
    for at, state in states.items():
        for link in state.links.values():
            if isinstance(link.kind, Veth):
                assert link.kind.peer_namespace is not None
                assert link.kind.peer is not None
                there = states[link.kind.peer_namespace].links[link.kind.peer]
                assert there.kind == Veth(link.name, at)


def test_a_machine_has_its_address_and_a_mac_that_follows_from_it() -> None:
    state = underlay(SwarmTopo())[CLIENT]
    (address,) = state.addresses
    assert (address.interface, address.broadcast) == (IPv4Interface("192.168.56.100/24"), IPv4Address("192.168.56.255"))
    assert state.links["eth0"].mac == mac_of(address.interface.ip)
    assert (state.routes, state.sysctls, state.foreign) == (frozenset(), {}, frozenset())


def test_a_switch_is_a_bridge_with_the_lowest_mac_of_its_ports() -> None:
    switches = underlay(SwarmTopo(workers=1, clients=0))[SWITCHES]
    bridge, *ports = switches.links.values()
    assert [port.name for port in ports] == ["lan1-eth1", "lan1-eth2"]
    assert all(port.master == "lan1" for port in ports)
    assert bridge == Link("lan1", Bridge(), min(port.mac or "" for port in ports))
    assert switches.sysctls == {"net.bridge.bridge-nf-call-iptables": "0"}


def test_a_cable_between_switches_stays_in_their_namespace() -> None:
    links = underlay(TwoSiteTopo())[SWITCHES].links
    between = [link for link in links.values() if isinstance(link.kind, Veth) and link.kind.peer_namespace == SWITCHES]
    assert {link.master for link in between} == {"site1", "site2"}


def test_routers_forward_by_all_spines_and_machines_by_their_gateway() -> None:
    states = underlay(LeafSpineTopo())
    leaf, spine = states[NamespaceRef("leaf1")], states[NamespaceRef("spine1")]
    hops = (NextHop("eth1", IPv4Address("100.64.0.1")), NextHop("eth2", IPv4Address("100.64.0.3")))
    assert leaf.routes == {Route(ANYWHERE, "", kind="multipath", hops=hops)}
    assert [(address.link, str(address.interface), address.broadcast) for address in leaf.addresses[1:]] == [
        ("eth1", "100.64.0.0/31", None),
        ("eth2", "100.64.0.2/31", None),
    ]
    assert Route(IPv4Network("192.168.56.0/24"), "eth0", IPv4Address("100.64.0.0")) in spine.routes
    assert leaf.sysctls["net.ipv4.ip_forward"] == "1"
    assert states[NamespaceRef("swarm-manager")].routes == {Route(ANYWHERE, "eth0", IPv4Address("192.168.56.1"))}


@pytest.mark.parametrize(
    ("options", "addresses"),
    [
        ({}, ["192.168.56.2/24"]),  # the second host's
        ({"ip": "10.1.2.3"}, ["10.1.2.3/8"]),
        ({"ip": "10.1.2.3/31"}, ["10.1.2.3/31"]),
        ({"ip": None}, []),
    ],
)
def test_a_host_has_the_address_mininet_gives_it(options: dict[str, Any], addresses: list[str]) -> None:
    states = underlay(OneHost(**options))
    assert [str(address.interface) for address in states[NamespaceRef("host")].addresses] == addresses
    assert states[NamespaceRef("alone")].addresses == ()


@pytest.mark.parametrize(
    ("route", "expected"),
    [
        ("via 192.168.56.1", Route(ANYWHERE, "eth0", IPv4Address("192.168.56.1"))),
        ("dev eth0 via 192.168.56.1", Route(ANYWHERE, "eth0", IPv4Address("192.168.56.1"))),
        ("dev eth0", Route(ANYWHERE, "eth0")),
        ("eth0", Route(ANYWHERE, "eth0")),
    ],
)
def test_a_default_route_is_said_in_mininets_ways(route: str, expected: Route) -> None:
    assert underlay(OneHost(defaultRoute=route))[NamespaceRef("host")].routes == {expected}


def test_a_hosts_own_mac_goes_to_its_first_interface() -> None:
    state = underlay(OneHost(mac="02:00:00:00:00:09"))[NamespaceRef("host")]
    assert state.links["eth0"].mac == "02:00:00:00:00:09"


def test_a_gateway_out_of_reach_is_refused_by_name() -> None:
    routes = (StaticRoute(IPv4Network("10.0.0.0/8"), (IPv4Address("172.16.0.1"),)),)
    with pytest.raises(InputError, match=r"host has a route by 172\.16\.0\.1, and no interface in a subnet with it"):
        underlay(OneHost(routes=routes, role="router"))
