"""Small worlds drawn at random: few names and few values, so that two of them have much in common and clash often."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from random import Random
from typing import TypeVar

from hypothesis import strategies as st

from meshnet.netstate import (
    Address,
    Bridge,
    Chain,
    Destination,
    FdbEntry,
    Link,
    NamespaceRef,
    Neighbour,
    NetState,
    Route,
    Rule,
    Ruleset,
    Table,
    Veth,
    VirtualService,
    Vxlan,
)
from meshnet.netstate.state import NO_MAC

Item = TypeVar("Item")
World = dict[NamespaceRef, NetState]

HOST = NamespaceRef("node")
REFS = (HOST, NamespaceRef("node", "a"), NamespaceRef("node", "b"))

_BRIDGES = ("br0", "br1")
_INTERFACES = tuple(
    IPv4Interface(text) for text in ("10.0.0.1/24", "10.0.0.2/24", "10.0.0.3/32", "10.1.0.1/24", "10.1.0.2/24")
)
_GATEWAYS = (None, IPv4Address("10.0.0.9"))
_DESTINATIONS = tuple(IPv4Network(text) for text in ("0.0.0.0/0", "10.9.0.0/24", "10.8.0.0/24"))
_VTEPS = (IPv4Address("192.168.56.1"), IPv4Address("192.168.56.2"))
_MACS = ("02:42:0a:00:00:01", "02:42:0a:00:00:02")
_RULES = tuple(Rule.parse(text) for text in ("-p tcp -j ACCEPT", "-p udp -j DROP", "-s 10.0.0.1/32 -j ACCEPT"))

rules = st.lists(st.sampled_from(_RULES), max_size=6).map(tuple)


def draw_world(seed: int) -> World:
    """The world that belongs to ``seed``. (Drawn by hypothesis choice by choice, a world takes ten times as long.)"""
    random = Random(seed)
    refs = [HOST, *_some(random, REFS[1:])]
    links: dict[NamespaceRef, dict[str, Link]] = {}
    for ref in refs:
        bridges = _some(random, _BRIDGES)
        links[ref] = {
            name: Link(name, Bridge(), mtu=random.choice((1450, 1500)), up=_maybe(random)) for name in bridges
        }
        if ref != HOST and _maybe(random):
            links[ref]["vxlan0"] = _port(random, links[ref], "vxlan0", Vxlan(random.choice((1, 2)), 4789, HOST))
    free = [(ref, name) for ref in refs for name in ("e0", "e1", "e2")]
    random.shuffle(free)
    for number in range(random.randint(0, len(free) // 2)):
        (ref, name), (peer_ref, peer) = free[2 * number], free[2 * number + 1]
        links[ref][name] = _port(random, links[ref], name, Veth(peer, peer_ref))
        links[peer_ref][peer] = _port(random, links[peer_ref], peer, Veth(name, ref))
    return {ref: _state(random, links[ref]) for ref in refs}


worlds = st.builds(draw_world, st.integers(0, 2**32 - 1))


def _maybe(random: Random) -> bool:
    return random.random() < 0.5


def _some(random: Random, items: Sequence[Item]) -> list[Item]:
    return random.sample(items, random.randint(0, len(items)))


def _port(random: Random, around: dict[str, Link], name: str, kind: Veth | Vxlan) -> Link:
    masters = [None, *(link for link in around if link in _BRIDGES)]
    mac, mtu, master = random.choice(_MACS), random.choice((1450, 1500)), random.choice(masters)
    return Link(name, kind, mac=mac, mtu=mtu, master=master, up=_maybe(random))


def _state(random: Random, links: dict[str, Link]) -> NetState:
    addresses = tuple(
        Address(link, interface, random.choice((None, interface.network.broadcast_address)))
        for link in (*links, "lo")
        for interface in _some(random, _INTERFACES)[:2]
    )
    usable = sorted({address.link for address in addresses if address.link != "lo" and links[address.link].up})
    vxlan = "vxlan0" in links
    sysctls = ("net.ipv4.ip_forward", *(f"net.ipv4.conf.{link}.route_localnet" for link in links))
    return NetState(
        links=links,
        addresses=addresses,
        routes=frozenset(
            Route(destination, random.choice(usable), random.choice(_GATEWAYS))
            for destination in (_some(random, _DESTINATIONS) if usable else ())
        ),
        neighbours=frozenset(
            Neighbour("vxlan0", interface.ip, random.choice(_MACS))
            for interface in (_some(random, _INTERFACES) if vxlan else ())
        ),
        fdb=frozenset(
            FdbEntry("vxlan0", mac, random.choice(_VTEPS))
            for mac in (_some(random, (*_MACS, NO_MAC, NO_MAC)) if vxlan else ())
        ),
        sysctls={name: random.choice("01") for name in sysctls},
        rules=_ruleset(random),
        ipvs={mark: _service(random, mark) for mark in _some(random, (256, 257))},
    )


def _ruleset(random: Random) -> Ruleset:
    """With user chains ``X1`` and ``X2``, which rules of the kernel's own chains jump to."""
    tables = {}
    for table in _some(random, ("filter", "nat")):
        chains = {chain: Chain(None, tuple(_draws(random, _RULES))) for chain in _some(random, ("X1", "X2"))}
        jumps = [*_RULES, *(Rule(("-j", target)) for target in chains)]
        for chain in _some(random, ("INPUT", "OUTPUT")):
            chains[chain] = Chain(random.choice(("ACCEPT", "DROP")), tuple(_draws(random, jumps)))
        tables[table] = Table(chains)
    return Ruleset(tables).normalised()


def _draws(random: Random, items: Sequence[Item]) -> list[Item]:
    return random.choices(items, k=random.randint(0, 5))


def _service(random: Random, mark: int) -> VirtualService:
    servers = tuple(Destination(interface.ip, random.choice((0, 1))) for interface in _some(random, _INTERFACES))
    return VirtualService(mark, random.choice(("rr", "wlc")), servers)
