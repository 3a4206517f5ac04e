"""Routes as the kernel keeps them for addresses, and finds them."""

from __future__ import annotations

from ipaddress import IPv4Interface, IPv4Network

import pytest

from meshnet.netstate import Address, Link, NetState, OtherLink, Route
from meshnet.predict.routing import Routes
from tests.predict.worlds import ip

ADDRESSES = (
    Address("lo", IPv4Interface("10.77.0.1/24")),
    Address("lo", IPv4Interface("10.0.2.5/32"), ip("10.0.2.5")),
    Address("eth0", IPv4Interface("192.168.56.10/24"), ip("192.168.56.255")),
    Address("eth0", IPv4Interface("192.168.56.55/24")),
    Address("eth0", IPv4Interface("192.168.56.56/32")),
    Address("eth1", IPv4Interface("172.18.0.2/16")),
    Address("off", IPv4Interface("10.9.0.1/24")),
)
ROUTES = frozenset(
    {
        Route(IPv4Network("0.0.0.0/0"), "eth1", ip("172.18.0.1")),
        Route(IPv4Network("10.8.0.0/16"), "eth0", ip("192.168.56.1"), metric=10),
        Route(IPv4Network("10.8.0.0/16"), "eth1", ip("172.18.0.9"), metric=5),
        Route(IPv4Network("10.8.1.0/24"), "eth0", ip("192.168.56.1")),
        Route(IPv4Network("10.8.2.0/24"), "", kind="unreachable"),
        Route(IPv4Network("10.8.3.0/24"), "off", ip("10.9.0.9")),
    }
)
LINKS = {name: Link(name, OtherLink("dummy"), up=name != "off") for name in ("eth0", "eth1", "off")}
HOST = Routes(NetState(links=LINKS, addresses=ADDRESSES, routes=ROUTES))


@pytest.mark.parametrize(
    ("destination", "kind", "link", "via", "source"),
    [
        ("127.0.0.1", "local", "lo", None, "127.0.0.1"),
        ("127.8.8.8", "local", "lo", None, "127.0.0.1"),
        ("192.168.56.10", "local", "lo", None, "192.168.56.10"),
        ("192.168.56.55", "local", "lo", None, "192.168.56.10"),
        ("192.168.56.56", "local", "lo", None, "192.168.56.56"),
        ("10.77.0.9", "local", "lo", None, "10.77.0.1"),
        ("10.0.2.5", "local", "lo", None, "10.0.2.5"),
        ("10.9.0.1", "local", "lo", None, "10.9.0.1"),
        ("192.168.56.255", "broadcast", "eth0", None, None),
        ("172.18.255.255", "broadcast", "eth1", None, None),
        ("192.168.56.99", "unicast", "eth0", None, "192.168.56.10"),
        ("10.9.0.7", "unicast", "eth1", "172.18.0.1", "172.18.0.2"),
        ("10.8.0.1", "unicast", "eth1", "172.18.0.9", "172.18.0.2"),
        ("10.8.1.1", "unicast", "eth0", "192.168.56.1", "192.168.56.10"),
        ("10.8.2.1", "unreachable", "", None, None),
        ("10.8.3.1", "unicast", "eth1", "172.18.0.9", "172.18.0.2"),
        ("8.8.8.8", "unicast", "eth1", "172.18.0.1", "172.18.0.2"),
    ],
)
def test_a_destination_has_a_way_and_a_source(
    destination: str, kind: str, link: str, via: str | None, source: str | None
) -> None:
    way = HOST.find(ip(destination))
    assert way is not None
    assert (way.kind, way.link, way.via and str(way.via), way.source and str(way.source)) == (kind, link, via, source)


def test_a_cable_of_two_addresses_has_no_broadcast() -> None:
    routes = Routes(NetState(links=LINKS, addresses=(Address("eth0", IPv4Interface("100.64.0.0/31")),)))
    way = routes.find(ip("100.64.0.1"))
    assert way is not None
    assert (way.kind, way.link) == ("unicast", "eth0")


def test_without_a_route_there_is_no_way() -> None:
    assert Routes(NetState(links=LINKS, addresses=ADDRESSES)).find(ip("8.8.8.8")) is None


@pytest.mark.parametrize(
    ("destination", "text"),
    [
        ("8.8.8.8", "default via 172.18.0.1 dev eth1"),
        ("10.8.0.1", "10.8.0.0/16 via 172.18.0.9 dev eth1 metric 5"),
        ("10.8.2.1", "unreachable 10.8.2.0/24"),
        ("192.168.56.99", "192.168.56.0/24 dev eth0 proto kernel scope link src 192.168.56.10"),
        ("192.168.56.10", "local 192.168.56.10 dev eth0 proto kernel scope host src 192.168.56.10"),
    ],
)
def test_a_way_is_worded_as_ip_route_does(destination: str, text: str) -> None:
    way = HOST.find(ip(destination))
    assert way is not None
    assert way.text == text


@pytest.mark.parametrize(
    ("interface", "destination", "expected"),
    [
        ("eth0", "192.168.56.99", "192.168.56.10"),
        ("eth1", "8.8.8.8", "172.18.0.2"),
        ("eth0", "10.0.2.5", "192.168.56.10"),
        ("lo", "192.168.56.10", "10.77.0.1"),
    ],
)
def test_what_is_masqueraded_gets_an_address_of_the_interface(interface: str, destination: str, expected: str) -> None:
    assert HOST.address_towards(interface, ip(destination)) == ip(expected)


def test_an_address_of_lo_is_no_masquerade_for_what_stays_at_home() -> None:
    """127.0.0.1 has the host's scope: an address of another interface is taken."""
    routes = Routes(NetState(links=LINKS, addresses=ADDRESSES[2:]))
    assert routes.address_towards("lo", ip("192.168.56.10")) == ip("192.168.56.10")


@pytest.mark.parametrize(
    ("address", "interface", "local"),
    [
        ("127.0.0.9", "", True),
        ("127.0.0.9", "lo", True),
        ("127.0.0.9", "eth0", False),
        ("192.168.56.10", "eth0", True),
        ("192.168.56.10", "eth1", False),
        ("192.168.56.11", "", False),
        ("192.168.56.255", "", False),
        ("10.0.2.5", "", True),
    ],
)
def test_local_is_what_an_interface_bears(address: str, interface: str, local: bool) -> None:
    assert HOST.is_local(ip(address), interface) == local


def test_a_broadcast_address_is_of_its_interface() -> None:
    assert HOST.is_broadcast(ip("192.168.56.255"), "eth0")
    assert not HOST.is_broadcast(ip("192.168.56.255"), "eth1")
    assert not HOST.is_broadcast(ip("10.0.2.5"))
    assert not HOST.is_broadcast(ip("10.9.0.255"))


def test_the_first_address_of_an_interface_is_where_redirect_leads() -> None:
    assert HOST.first_address("eth0") == ip("192.168.56.10")
    assert Routes(NetState(links=LINKS)).first_address("eth0") is None
