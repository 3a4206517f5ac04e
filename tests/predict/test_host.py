"""What a namespace takes in: addresses that may come by an interface, and those that may not."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Interface, IPv4Network

import pytest

from meshnet.netstate import Address, Link, NamespaceRef, NetState, OtherLink, Route
from meshnet.path import Cause, Why
from meshnet.predict.host import Host
from tests.predict.worlds import ip

HERE = NamespaceRef("here")
LINKS = {name: Link(name, OtherLink("dummy")) for name in ("eth0", "eth1", "bare")}
ADDRESSES = (Address("eth0", IPv4Interface("10.0.0.1/24")), Address("eth1", IPv4Interface("10.0.1.1/24")))
DEFAULT = Route(IPv4Network("0.0.0.0/0"), "eth1", ip("10.0.1.9"))
LOCALNET = {"net.ipv4.conf.all.route_localnet": "1"}
STRICT, LOOSE = ({"net.ipv4.conf.all.rp_filter": number} for number in "12")
NO_REDIRECTS = {f"net.ipv4.conf.{name}.send_redirects": "0" for name in ("all", "eth0")}


def way_in(source: str, destination: str, link: str, sysctls: Mapping[str, str], *routes: Route) -> str | Why:
    state = NetState(links=LINKS, addresses=ADDRESSES, routes=frozenset(routes), sysctls=sysctls)
    way = Host(HERE, state).way_in(ip(source), ip(destination), link)
    return way.why if isinstance(way, Cause) else way.link


@pytest.mark.parametrize(
    ("source", "destination", "link", "sysctls", "expected"),
    [
        ("10.0.0.7", "10.0.0.1", "eth0", {}, "lo"),
        ("10.0.0.7", "10.0.1.7", "eth0", {}, "eth1"),
        ("10.0.0.7", "10.0.0.8", "eth0", {}, "eth0"),
        ("8.8.8.8", "10.0.0.1", "eth0", {}, "lo"),
        ("10.0.0.7", "8.8.8.8", "eth0", {}, Why.NO_ROUTE),
        ("10.0.1.1", "10.0.0.1", "eth0", {}, Why.MARTIAN),
        ("10.0.1.1", "10.0.0.1", "eth0", {"net.ipv4.conf.eth0.accept_local": "1"}, "lo"),
        ("0.0.0.0", "10.0.0.1", "eth0", {}, Why.MARTIAN),
        ("224.0.0.1", "10.0.0.1", "eth0", {}, Why.MARTIAN),
        ("127.0.0.9", "10.0.0.1", "eth0", {}, Why.MARTIAN),
        ("127.0.0.9", "10.0.0.1", "eth0", LOCALNET, "lo"),
        ("127.0.0.9", "10.0.0.1", "eth0", LOCALNET | STRICT, Why.MARTIAN),
        ("10.0.0.7", "127.0.0.9", "eth0", {}, Why.MARTIAN),
        ("10.0.0.7", "127.0.0.9", "eth0", LOCALNET, "lo"),
        ("127.0.0.9", "10.0.0.8", "eth0", LOCALNET, Why.MARTIAN),
        ("127.0.0.9", "10.0.0.8", "eth0", LOCALNET | NO_REDIRECTS, "eth0"),
        ("10.0.0.7", "10.0.1.1", "eth1", {}, "lo"),
        ("10.0.0.7", "10.0.1.1", "eth1", STRICT, Why.RP_FILTER),
        ("10.0.0.7", "10.0.1.1", "eth1", LOOSE, "lo"),
        ("10.0.0.7", "10.0.0.1", "eth0", STRICT, "lo"),
        ("8.8.8.8", "10.0.0.1", "eth0", STRICT, Why.RP_FILTER),
        ("8.8.8.8", "10.0.0.1", "eth0", LOOSE, Why.RP_FILTER),
        ("10.0.0.7", "10.0.0.1", "bare", {}, "lo"),
        ("10.0.0.7", "10.0.0.1", "bare", LOOSE, Why.RP_FILTER),
    ],
)
def test_a_source_is_judged_as_the_kernel_does(
    source: str, destination: str, link: str, sysctls: Mapping[str, str], expected: str | Why
) -> None:
    assert way_in(source, destination, link, sysctls) == expected


def test_a_default_route_is_a_way_back_to_anybody() -> None:
    assert way_in("8.8.8.8", "10.0.0.1", "eth0", LOOSE, DEFAULT) == "lo"
    assert way_in("8.8.8.8", "10.0.0.1", "eth0", STRICT, DEFAULT) is Why.RP_FILTER
    assert way_in("8.8.8.8", "10.0.0.1", "eth1", STRICT, DEFAULT) == "lo"


@pytest.mark.parametrize(
    ("sysctls", "forwards"),
    [
        ({}, False),
        ({"net.ipv4.ip_forward": "1"}, True),
        ({"net.ipv4.conf.all.forwarding": "1"}, True),
        ({"net.ipv4.ip_forward": "1", "net.ipv4.conf.eth0.forwarding": "0"}, False),
        ({"net.ipv4.ip_forward": "0", "net.ipv4.conf.eth0.forwarding": "1"}, True),
    ],
)
def test_an_interfaces_own_setting_says_whether_it_forwards(sysctls: Mapping[str, str], forwards: bool) -> None:
    assert Host(HERE, NetState(links=LINKS, sysctls=sysctls)).settings.forwards("eth0") == forwards
