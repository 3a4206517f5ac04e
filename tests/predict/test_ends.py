"""Where a packet ends, and what the prediction says of it: the namespace, the cause, the words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from ipaddress import IPv4Interface, IPv4Network
from typing import Any

import pytest

from meshnet.netstate import (
    Address,
    Destination,
    FdbEntry,
    Link,
    NamespaceRef,
    Neighbour,
    NetState,
    Route,
    Rule,
    Veth,
    Vxlan,
)
from meshnet.netstate.dialects import iptables_save
from meshnet.netstate.world import World
from meshnet.path import Hop, Probe, Stage, Verdict, Why
from meshnet.predict import predict
from tests.mesh.article import CLIENT_1, CLUSTERS, WHOAMI_1, article
from tests.predict.worlds import CLIENT, SWITCH, changed, ip, on_lan

MANAGER, WORKER1, WORKER2 = (NamespaceRef(name) for name in ("swarm-manager", "swarm-worker1", "swarm-worker2"))
SANDBOX = NamespaceRef("swarm-worker1", "ingress_sbox")
OVERLAY, OVERLAY_THERE = NamespaceRef("swarm-worker1", "1-uz1kgf9j6m"), NamespaceRef("swarm-manager", "1-uz1kgf9j6m")
TASK, ASKER = NamespaceRef("swarm-manager", WHOAMI_1.sandbox_file), NamespaceRef("swarm-worker2", CLIENT_1.sandbox_file)
TASK_ADDRESS, TASK_MAC = ip("10.255.0.5"), "02:42:0a:ff:00:05"
FORWARD = "net.ipv4.ip_forward"
SERVER = {(SANDBOX, 0x100): TASK_ADDRESS}
"""The one on the manager."""

OUTSIDE = Probe(CLIENT, ip("192.168.56.11"), "tcp", 8000, 40000)
INSIDE = Probe(WORKER1, ip("127.0.0.1"), "tcp", 8000, 40000)
EAST_WEST = Probe(ASKER, ip("10.0.2.7"), "udp", 9, 40000, length=1450)

Change = Callable[[World], World]


def setting(at: NamespaceRef, name: str, value: str) -> Change:
    return lambda world: changed(world, at, sysctls={**world.states[at].sysctls, name: value})


def link(at: NamespaceRef, name: str, **changes: Any) -> Change:
    def change(world: World) -> World:
        links = world.states[at].links
        return changed(world, at, links={**links, name: replace(links[name], **changes)})

    return change


def without(at: NamespaceRef, field: str, unwanted: Callable[[Any], bool]) -> Change:
    def change(world: World) -> World:
        there = getattr(world.states[at], field)
        return changed(world, at, **{field: type(there)(each for each in there if not unwanted(each))})

    return change


def also(at: NamespaceRef, field: str, *new: Any) -> Change:
    def change(world: World) -> World:
        there = getattr(world.states[at], field)
        return changed(world, at, **{field: type(there)((*there, *new))})

    return change


def vtep_of_task(address: str) -> Change:
    def change(world: World) -> World:
        there = without(OVERLAY, "fdb", lambda entry: entry.mac == TASK_MAC)(world)
        return also(OVERLAY, "fdb", FdbEntry("vxlan0", TASK_MAC, ip(address)))(there)

    return change


def weights(*numbers: int) -> Change:
    def change(world: World) -> World:
        service = world.states[SANDBOX].ipvs[0x100]
        servers = tuple(
            Destination(server.address, weight) for server, weight in zip(service.destinations, numbers, strict=True)
        )
        return changed(world, SANDBOX, ipvs={0x100: replace(service, destinations=servers)})

    return change


def rules(at: NamespaceRef, text: str) -> Change:
    return lambda world: changed(world, at, rules=iptables_save.parse(text))


def less(at: NamespaceRef, table: str, chain: str, word: str) -> Change:
    """Without that chain's rules that have ``word``."""

    def kept(rule: Rule) -> bool:
        return word not in rule.words

    def change(world: World) -> World:
        ruleset = world.states[at].rules
        chains = dict(ruleset.tables[table].chains)
        chains[chain] = replace(chains[chain], rules=tuple(filter(kept, chains[chain].rules)))
        tables = {**ruleset.tables, table: replace(ruleset.tables[table], chains=chains)}
        return changed(world, at, rules=replace(ruleset, tables=tables))

    return change


def together(*changes: Change) -> Change:
    def change(world: World) -> World:
        for each in changes:
            world = each(world)
        return world

    return change


def vni(number: int) -> Change:
    return link(OVERLAY_THERE, "vxlan0", kind=Vxlan(number, 4789, MANAGER))


@dataclass(frozen=True)
class End:
    """What is changed in a healthy world, what is sent, and how it ends: of the answer, if ``back``."""

    change: Change
    at: NamespaceRef
    why: Why
    words: str
    probe: Probe = OUTSIDE
    verdict: Verdict = Verdict.DROPPED
    back: bool = False


def to(address: str, **changes: Any) -> Probe:
    return replace(OUTSIDE, destination=ip(address), **changes)


def is_task(entry: Any) -> bool:
    return bool(entry.mac == TASK_MAC)


def anything(entry: Any) -> bool:
    return True


def is_the_same(world: World) -> World:
    return world


def nobody_listens(world: World) -> World:
    return replace(world, listeners={})


MOVED = FdbEntry("vxlan0", "02:42:0a:ff:00:03", ip("192.168.56.12"))
SPOOFED = Address("eth0", IPv4Interface("192.168.56.100/24"))
KNOWN = Neighbour("eth0", ip("192.168.56.11"), "02:00:c0:a8:38:0b")
STALE = Neighbour("eth0", ip("192.168.56.11"), "02:00:00:00:00:99")
FORBIDDEN = Route(IPv4Network("192.168.56.10/32"), "", kind="blackhole")

ENDS = {
    "no route": End(is_the_same, CLIENT, Why.NO_ROUTE, "no route to 8.8.8.8", to("8.8.8.8")),
    "a route that forbids": End(also(WORKER1, "routes", FORBIDDEN), OVERLAY, Why.NO_ROUTE, "blackhole 192.168.56.10"),
    "nobody has the address": End(is_the_same, CLIENT, Why.NO_NEIGHBOUR, "192.168.56.99 on eth0", to("192.168.56.99")),
    "neighbour entry gone": End(
        without(OVERLAY, "neighbours", is_task), SANDBOX, Why.NO_NEIGHBOUR, "10.255.0.5 on eth0"
    ),
    "neighbour entry wrong": End(also(CLIENT, "neighbours", STALE), SWITCH, Why.NO_FDB_ENTRY, "02:00:00:00:00:99"),
    "FDB entry gone": End(without(OVERLAY, "fdb", is_task), OVERLAY, Why.NO_FDB_ENTRY, TASK_MAC),
    "VTEP of another node": End(
        vtep_of_task("192.168.56.12"), NamespaceRef("swarm-worker2", OVERLAY.file), Why.BRIDGE, "vxlan0"
    ),
    "VTEP without tunnels": End(
        vtep_of_task("192.168.56.100"), CLIENT, Why.WRONG_VTEP, "VNI 4096", verdict=Verdict.REFUSED
    ),
    "VTEP nowhere": End(vtep_of_task("192.168.56.99"), WORKER1, Why.NO_NEIGHBOUR, "192.168.56.99"),
    "other VNI": End(vni(5000), MANAGER, Why.WRONG_VTEP, "VNI 4096"),
    "a permanent entry contradicts": End(
        together(without(OVERLAY_THERE, "fdb", anything), also(OVERLAY_THERE, "fdb", MOVED)),
        MANAGER,
        Why.WRONG_VTEP,
        "behind 192.168.56.12, and this came from 192.168.56.11",
    ),
    "tunnel down": End(link(OVERLAY_THERE, "vxlan0", up=False), MANAGER, Why.LINK_DOWN, "vxlan0"),
    "bridge down": End(link(OVERLAY_THERE, "br0", up=False), OVERLAY_THERE, Why.LINK_DOWN, "br0"),
    "port down": End(link(OVERLAY_THERE, "veth1", up=False), OVERLAY_THERE, Why.LINK_DOWN, "veth1"),
    "task's interface down": End(link(TASK, "eth0", up=False), OVERLAY_THERE, Why.LINK_DOWN, "eth0"),
    "switch's port down": End(link(SWITCH, "lan1-eth3", up=False), CLIENT, Why.NO_NEIGHBOUR, "192.168.56.11"),
    "own cable cut": End(link(SWITCH, "lan1-eth1", up=False), CLIENT, Why.LINK_DOWN, "lan1-eth1"),
    "node doesn't forward": End(setting(WORKER1, FORWARD, "0"), WORKER1, Why.FORWARDING_OFF, "by eth0"),
    "sandbox doesn't forward": End(setting(SANDBOX, FORWARD, "0"), SANDBOX, Why.FORWARDING_OFF, "by eth0", back=True),
    "no way back": End(
        together(setting(SANDBOX, "net.ipv4.conf.all.rp_filter", "2"), without(SANDBOX, "routes", anything)),
        SANDBOX,
        Why.RP_FILTER,
        "192.168.56.100 by eth1",
    ),
    "own source": End(
        together(also(WORKER1, "addresses", SPOOFED), also(CLIENT, "neighbours", KNOWN)),
        WORKER1,
        Why.MARTIAN,
        "192.168.56.100",
    ),
    "localhost may not leave": End(
        setting(WORKER1, "net.ipv4.conf.docker_gwbridge.route_localnet", "0"),
        WORKER1,
        Why.MARTIAN,
        "127.0.0.1 may not come or go by docker_gwbridge",
        INSIDE,
    ),
    "no server left": End(weights(0, 0), SANDBOX, Why.NO_SERVER, "-f 256", verdict=Verdict.REFUSED),
    "too long for the socket": End(
        is_the_same, ASKER, Why.MTU, "1451 bytes don't fit eth0", replace(EAST_WEST, length=1451)
    ),
    "too long for the underlay": End(
        link(WORKER2, "eth0", mtu=1499), NamespaceRef("swarm-worker2", "1-cojus8blvk"), Why.MTU, "1499", EAST_WEST
    ),
    "too long to be forwarded": End(link(WORKER1, "docker_gwbridge", mtu=59), WORKER1, Why.MTU, "59"),
    "too long for IPVS": End(link(SANDBOX, "eth0", mtu=59), SANDBOX, Why.MTU, "59"),
    "too old to be forwarded": End(is_the_same, WORKER1, Why.TTL, "TTL of 1", to("192.168.56.11", ttl=1)),
    "too old for IPVS": End(is_the_same, SANDBOX, Why.TTL, "TTL of 1", to("192.168.56.11", ttl=2)),
    "no listener": End(nobody_listens, TASK, Why.NO_LISTENER, "10.255.0.5:8000", verdict=Verdict.REFUSED),
    "no listener for a datagram": End(nobody_listens, TASK, Why.NO_LISTENER, "udp", EAST_WEST, verdict=Verdict.REFUSED),
    "not its own source": End(is_the_same, CLIENT, Why.SOCKET, "10.9.9.9", to("192.168.56.11", source=ip("10.9.9.9"))),
    "answer that passes by the sandbox": End(
        less(SANDBOX, "nat", "POSTROUTING", "--ipvs"), CLIENT, Why.NO_LISTENER, "from 10.255.0.5", back=True
    ),
    "IPVS doesn't track": End(
        setting(SANDBOX, "net.ipv4.vs.conntrack", "0"), CLIENT, Why.NO_LISTENER, "from 10.255.0.5", back=True
    ),
}


def end(change: Change, probe: Probe, *, back: bool = False) -> Hop:
    world = change(on_lan(article(*CLUSTERS["20.10"])))
    journey = predict(world, probe, reply=back, choose=SERVER)[0].journey
    path = journey.reply if back else journey.request
    assert path is not None
    return path.hops[-1]


@pytest.mark.parametrize("name", ENDS)
def test_a_packet_ends_where_something_is_wrong(name: str) -> None:
    case = ENDS[name]
    hop = end(case.change, case.probe, back=case.back)
    assert (hop.stage, str(hop.at), hop.verdict) == (Stage.STOP, str(case.at), case.verdict)
    assert hop.cause is not None
    assert hop.cause.why is case.why
    assert case.words in hop.cause.text
    assert hop.cause.mend


@pytest.mark.parametrize(
    ("target", "verdict"),
    [("DROP", Verdict.DROPPED), ("REJECT --reject-with icmp-port-unreachable", Verdict.REFUSED)],
)
def test_a_rule_that_ends_it_is_the_last_hop(target: str, verdict: Verdict) -> None:
    text = f"*filter\n:INPUT ACCEPT\n-A INPUT -p udp -m udp --dport 4789 -j {target}\nCOMMIT\n"
    hop = end(rules(MANAGER, text), OUTSIDE)
    assert (hop.stage, str(hop.at), hop.verdict) == (Stage.RULE, "swarm-manager", verdict)
    assert hop.packet.vni == 4096


def test_what_nobody_masquerades_finds_no_neighbour_or_is_a_martian() -> None:
    """Its ARP, in the name of 127.0.0.1, isn't answered; had the entry been there from before, the sandbox would not
    take it."""
    world = less(WORKER1, "nat", "POSTROUTING", "MASQUERADE")(on_lan(article(*CLUSTERS["20.10"])))
    ends = [each.journey.request.hops[-1] for each in predict(world, INSIDE)]
    assert [(str(hop.at), hop.cause and hop.cause.why) for hop in ends] == [
        ("swarm-worker1", Why.NO_NEIGHBOUR),
        ("swarm-worker1/ingress_sbox", Why.MARTIAN),
    ]


def test_a_frame_for_another_is_not_taken() -> None:
    one, other = NamespaceRef("one"), NamespaceRef("other")
    states = {
        at: NetState(
            links={"eth0": Link("eth0", Veth("eth0", there), mac=f"02:00:00:00:00:0{number}")},
            addresses=(Address("eth0", IPv4Interface(f"10.0.0.{number}/24")),),
            neighbours=frozenset({Neighbour("eth0", ip("10.0.0.2"), "02:00:00:00:00:09")} if at is one else ()),
        )
        for number, (at, there) in enumerate([(one, other), (other, one)], 1)
    }
    hop = predict(World(states), Probe(one, ip("10.0.0.2"), "tcp", 80, 40000))[0].journey.request.hops[-1]
    assert (hop.at, hop.stage, hop.cause and hop.cause.why) == (other, Stage.STOP, Why.NOT_FOR_US)
