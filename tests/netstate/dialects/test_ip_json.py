"""``ip -j`` and ``bridge -j``, recorded in a namespace that has one of each thing."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from pathlib import Path

from meshnet.netstate import (
    Address,
    Bridge,
    FdbEntry,
    Link,
    NamespaceRef,
    Neighbour,
    NextHop,
    OtherLink,
    Route,
    Veth,
    Vxlan,
)
from meshnet.netstate.dialects import bridge_json, ip_json

RECORDED = Path(__file__).parents[2] / "data" / "kernel"
HERE = NamespaceRef("swarm-manager", "1-x8u3k2m1p0")


def recorded(name: str) -> str:
    return (RECORDED / name).read_text()


def test_links_are_read_and_written() -> None:
    links = ip_json.parse_links(recorded("ip-d-link.json"), HERE)
    assert list(links) == ["veth0", "eth0", "br0", "vxlan0"]
    assert links["eth0"] == Link("eth0", Veth("veth0", HERE), "02:42:0a:00:00:02", 1450)
    assert links["veth0"].master == "br0"
    assert links["br0"].kind == Bridge()
    assert links["vxlan0"].kind == Vxlan(4096, 4789, HERE)
    assert ip_json.parse_links(ip_json.write_links(links, HERE), HERE) == links


def test_a_link_whose_other_end_is_elsewhere_has_no_name_for_it() -> None:
    elsewhere = NamespaceRef("swarm-manager")
    links = {
        "eth0": Link("eth0", Veth("veth1", elsewhere), up=False),
        "vxlan0": Link("vxlan0", Vxlan(1, 4789, elsewhere, learning=False, l2miss=False)),
        "wg0": Link("wg0", OtherLink("wireguard"), mtu=1420),
    }
    read = ip_json.parse_links(ip_json.write_links(links, HERE), HERE)
    assert read["eth0"] == Link("eth0", Veth(None, None), up=False)
    assert read["vxlan0"].kind == Vxlan(1, 4789, None, learning=False, l2miss=False)
    assert read["wg0"] == links["wg0"]


def test_addresses_are_read_and_written() -> None:
    addresses = ip_json.parse_addresses(recorded("ip-addr.json"))
    assert addresses == (
        Address("lo", IPv4Interface("10.0.0.9/32"), IPv4Address("10.0.0.9")),
        Address("eth0", IPv4Interface("10.0.0.2/24"), IPv4Address("10.0.0.255")),
        Address("eth0", IPv4Interface("10.0.0.5/32")),
    )
    assert ip_json.parse_addresses(ip_json.write_addresses(addresses)) == addresses


def test_routes_are_read_and_written() -> None:
    routes = ip_json.parse_routes(recorded("ip-route.json"))
    hops = (NextHop("eth0", IPv4Address("10.0.0.1")), NextHop("eth0", IPv4Address("10.0.0.3")))
    assert routes == {
        Route(IPv4Network("0.0.0.0/0"), "eth0", IPv4Address("10.0.0.1")),
        Route(IPv4Network("10.1.0.0/16"), "eth0", metric=100),
        Route(IPv4Network("10.2.0.0/16"), "", kind="blackhole"),
        Route(IPv4Network("10.3.0.0/24"), "", kind="multipath", hops=hops),
    }
    host = Route(IPv4Network("10.4.0.1/32"), "eth0")
    assert ip_json.parse_routes(ip_json.write_routes([*routes, host])) == {*routes, host}


def test_neighbours_are_read_and_written() -> None:
    neighbours = ip_json.parse_neighbours(recorded("ip-neigh.json"))
    assert neighbours == {Neighbour("vxlan0", IPv4Address("10.0.0.6"), "02:42:0a:00:00:06")}
    assert ip_json.parse_neighbours(ip_json.write_neighbours(neighbours)) == neighbours


def test_of_the_fdb_only_what_leads_to_a_vtep_is_read() -> None:
    entries = bridge_json.parse_fdb(recorded("bridge-fdb.json"))
    assert entries == {FdbEntry("vxlan0", "02:42:0a:00:00:06", IPv4Address("192.168.56.11"))}
    assert bridge_json.parse_fdb(bridge_json.write_fdb(entries)) == entries
