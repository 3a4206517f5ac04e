"""The difference as people read it, and the cases that the kernel makes peculiar."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

import pytest

from meshnet.netstate import (
    Address,
    Bridge,
    Destination,
    FdbEntry,
    Link,
    NamespaceRef,
    Neighbour,
    NetState,
    OtherLink,
    Route,
    Veth,
    VirtualService,
    Vxlan,
)
from meshnet.netstate.dialects import iptables_save
from meshnet.netstate.diff import diff

HOST = NamespaceRef("node")
SBOX = NamespaceRef("node", "ingress_sbox")
OVERLAY = NamespaceRef("node", "1-x8u3k2m1p0")
World = dict[NamespaceRef, NetState]


def address(link: str, interface: str) -> Address:
    return Address(link, IPv4Interface(interface), IPv4Interface(interface).network.broadcast_address)


def world() -> World:
    """A node with an overlay and the sandbox on it."""
    mac = "02:42:0a:ff:00:02"
    bridge, port = Link("br0", Bridge(), mtu=1450), Link("veth0", Veth("eth0", SBOX), mtu=1450, master="br0")
    vxlan = Link("vxlan0", Vxlan(4096, 4789, HOST), mtu=1450, master="br0")
    return {
        HOST: NetState(foreign=frozenset({"eth0"})),
        OVERLAY: NetState(
            links={link.name: link for link in (bridge, vxlan, port)},
            addresses=(address("br0", "10.255.0.1/16"),),
            neighbours=frozenset({Neighbour("vxlan0", IPv4Address("10.255.0.3"), "02:42:0a:ff:00:03")}),
            fdb=frozenset({FdbEntry("vxlan0", "02:42:0a:ff:00:03", IPv4Address("192.168.56.12"))}),
        ),
        SBOX: NetState(
            links={"eth0": Link("eth0", Veth("veth0", OVERLAY), mac, 1450)},
            addresses=(address("eth0", "10.255.0.2/16"),),
            routes=frozenset({Route(IPv4Network("0.0.0.0/0"), "eth0", IPv4Address("10.255.0.1"))}),
            sysctls={"net.ipv4.ip_forward": "1", "net.ipv4.conf.eth0.rp_filter": "0"},
            rules=iptables_save.parse("*nat\n:POSTROUTING ACCEPT [0:0]\n-A POSTROUTING -j MASQUERADE\nCOMMIT\n"),
            ipvs={256: VirtualService(256, "rr", (Destination(IPv4Address("10.255.0.6")),))},
        ),
    }


def lines(want: World, have: World, *, last: World | None = None) -> list[str]:
    return str(diff(want, have, last=last)).splitlines()


def changed(ref: NamespaceRef, **fields: object) -> World:
    """``world()`` with other contents in one namespace."""
    return {**world(), ref: replace(world()[ref], **fields)}  # type: ignore[arg-type]


def test_a_world_from_nothing_reads_in_the_order_in_which_it_can_be_made() -> None:
    assert lines(world(), {HOST: world()[HOST]}) == [
        "node/1-x8u3k2m1p0: + namespace",
        "node/ingress_sbox: + namespace",
        "node/ingress_sbox: ~ sysctl net.ipv4.ip_forward: 1",
        "node/1-x8u3k2m1p0: + link br0 bridge mtu 1450",
        "node/1-x8u3k2m1p0: + link vxlan0 vxlan 4096 port 4789 over node mtu 1450 master br0",
        "node/1-x8u3k2m1p0: + link veth0 veth to eth0 in node/ingress_sbox mtu 1450 master br0; "
        "there eth0 veth to veth0 in node/1-x8u3k2m1p0 mac 02:42:0a:ff:00:02 mtu 1450",
        "node/1-x8u3k2m1p0: + address 10.255.0.1/16 brd 10.255.255.255 dev br0",
        "node/1-x8u3k2m1p0: + neighbour 10.255.0.3 lladdr 02:42:0a:ff:00:03 dev vxlan0",
        "node/1-x8u3k2m1p0: + fdb 02:42:0a:ff:00:03 dst 192.168.56.12 dev vxlan0",
        "node/ingress_sbox: ~ sysctl net.ipv4.conf.eth0.rp_filter: 0",
        "node/ingress_sbox: + address 10.255.0.2/16 brd 10.255.255.255 dev eth0",
        "node/ingress_sbox: + route default via 10.255.0.1 dev eth0",
        "node/ingress_sbox: + nat POSTROUTING: -j MASQUERADE",
        "node/ingress_sbox: + ipvs service mark 0x100 rr",
        "node/ingress_sbox: + ipvs destination 10.255.0.6 weight 1 masq of mark 0x100",
    ]


def with_links(ref: NamespaceRef, *links: Link) -> World:
    """``world()`` with these links in a namespace, in place of those of their names."""
    return changed(ref, links={**world()[ref].links, **{link.name: link for link in links}})


def with_service(server: Destination, scheduler: str = "rr", persistent: int = 0) -> World:
    return changed(SBOX, ipvs={256: VirtualService(256, scheduler, (server,), persistent)})


def link(ref: NamespaceRef, name: str) -> Link:
    return world()[ref].links[name]


SERVER = IPv4Address("10.255.0.6")
BROKEN = {
    "~ sysctl net.ipv4.ip_forward: 0 -> 1": changed(
        SBOX, sysctls={"net.ipv4.ip_forward": "0", "net.ipv4.conf.eth0.rp_filter": "0"}
    ),
    "+ route default via 10.255.0.1 dev eth0": changed(SBOX, routes=frozenset()),
    "~ ipvs destination 10.255.0.6 weight 1 masq of mark 0x100 (was weight 0 masq)": with_service(
        Destination(SERVER, weight=0)
    ),
    "~ ipvs service mark 0x100 wlc persistent 60 s -> mark 0x100 rr": with_service(Destination(SERVER), "wlc", 60),
    "~ link lo: state down -> up": with_links(SBOX, Link("lo", OtherLink("loopback"), mtu=65536, up=False)),
    "~ link eth0: mtu 1500 -> 1450, state down -> up": with_links(
        SBOX, replace(link(SBOX, "eth0"), up=False, mtu=1500)
    ),
    "- link dummy0": with_links(SBOX, Link("dummy0", OtherLink("dummy"))),
    "~ link vxlan0: master none -> br0": with_links(OVERLAY, replace(link(OVERLAY, "vxlan0"), master=None)),
    "+ fdb 02:42:0a:ff:00:03 dst 192.168.56.12 dev vxlan0": changed(
        OVERLAY, fdb=frozenset({FdbEntry("vxlan0", "02:42:0a:ff:00:03", IPv4Address("192.168.56.99"))})
    ),
    "+ neighbour 10.255.0.3 lladdr 02:42:0a:ff:00:03 dev vxlan0": changed(OVERLAY, neighbours=frozenset()),
}


@pytest.mark.parametrize("mended", BROKEN)
def test_what_somebody_broke_is_one_line(mended: str) -> None:
    (line,) = lines(world(), BROKEN[mended])
    assert line.partition(": ")[2] == mended


def test_what_is_of_a_link_made_anew_is_made_anew() -> None:
    broken = with_links(OVERLAY, replace(link(OVERLAY, "vxlan0"), kind=Vxlan(4096, 4789, HOST, proxy=False)))
    assert [line.partition(": ")[2].split(" 10.255")[0] for line in lines(world(), broken)] == [
        "- link vxlan0",
        "+ link vxlan0 vxlan 4096 port 4789 over node mtu 1450 master br0",
        "+ neighbour",
        "+ fdb 02:42:0a:ff:00:03 dst 192.168.56.12 dev vxlan0",
    ]


def test_a_new_link_s_sysctls_are_set_whatever_its_predecessor_had() -> None:
    broken = {**world(), OVERLAY: replace(world()[OVERLAY], links={"br0": link(OVERLAY, "br0")})}
    assert "node/ingress_sbox: ~ sysctl net.ipv4.conf.eth0.rp_filter: 0" in lines(world(), broken)


def test_a_mac_nobody_asked_for_is_not_compared() -> None:
    drawn = replace(link(OVERLAY, "br0"), mac="3a:2f:5f:d6:4c:97")
    assert not diff(world(), with_links(OVERLAY, drawn))


def test_a_namespace_goes_with_what_would_outlast_it() -> None:
    want = {HOST: world()[HOST], SBOX: NetState()}
    assert [line for line in lines(want, world()) if "link" in line or "namespace" in line] == [
        "node/1-x8u3k2m1p0: - link vxlan0",
        "node/ingress_sbox: - link eth0, and so veth0 in node/1-x8u3k2m1p0",
        "node/1-x8u3k2m1p0: - namespace",
    ]


def test_two_namespaces_that_go_need_no_words_about_the_veth_between_them() -> None:
    assert lines({HOST: world()[HOST]}, world()) == [
        "node/1-x8u3k2m1p0: - link vxlan0",
        "node/1-x8u3k2m1p0: - namespace",
        "node/ingress_sbox: - namespace",
    ]


def test_foreign_links_and_what_is_on_them_are_left_alone() -> None:
    there = replace(
        world()[HOST],
        links={"eth0": Link("eth0", Veth(None, None))},
        addresses=(address("eth0", "192.168.56.11/24"),),
        routes=frozenset({Route(IPv4Network("0.0.0.0/0"), "eth0", IPv4Address("192.168.56.1"))}),
    )
    assert not diff(world(), {**world(), HOST: there})


def test_what_somebody_else_added_stays_if_it_is_known_what_was_wanted() -> None:
    route = Route(IPv4Network("10.9.0.0/16"), "eth0")
    theirs = changed(
        SBOX,
        addresses=(*world()[SBOX].addresses, address("eth0", "10.9.0.1/24")),
        routes=world()[SBOX].routes | {route},
        links={**world()[SBOX].links, "dummy0": Link("dummy0", OtherLink("dummy"))},
    )
    assert not diff(world(), theirs, last=world())
    assert len(diff(world(), theirs)) == 3


def test_what_somebody_else_put_in_the_way_goes_all_the_same() -> None:
    detour = Route(IPv4Network("0.0.0.0/0"), "eth0", IPv4Address("10.255.0.99"))
    assert lines(world(), changed(SBOX, routes=frozenset({detour})), last=world()) == [
        "node/ingress_sbox: - route default via 10.255.0.99 dev eth0",
        "node/ingress_sbox: + route default via 10.255.0.1 dev eth0",
    ]


def test_a_link_s_routes_are_made_again_when_its_only_address_changes() -> None:
    assert lines(world(), changed(SBOX, addresses=(address("eth0", "10.255.0.9/16"),))) == [
        "node/ingress_sbox: - address 10.255.0.9/16 brd 10.255.255.255 dev eth0",
        "node/ingress_sbox: + address 10.255.0.2/16 brd 10.255.255.255 dev eth0",
        "node/ingress_sbox: + route default via 10.255.0.1 dev eth0",
    ]


def test_half_a_veth_is_refused() -> None:
    want = {ref: state for ref, state in world().items() if ref != SBOX}
    with pytest.raises(ValueError, match="expected the other end of veth veth0, found none"):
        diff(want, {})


def test_where_nobody_looked_everything_is_as_wanted() -> None:
    """A veth's other end in a namespace that is in neither of the two."""
    seen = {SBOX: with_links(SBOX, replace(link(SBOX, "eth0"), kind=Veth(None, None)))[SBOX]}
    assert not diff({SBOX: world()[SBOX]}, seen)
    assert diff(world(), {**world(), **seen})
