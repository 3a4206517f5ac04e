"""A journey out of what was seen, on a small world: a client, a node that translates and balances, and a task."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface

import pytest

from meshnet.netstate import (
    Address,
    Bridge,
    Destination,
    Link,
    NamespaceRef,
    NetState,
    Ruleset,
    Veth,
    VirtualService,
    Vxlan,
)
from meshnet.netstate.dialects import iptables_save
from meshnet.netstate.world import Listener, World
from meshnet.path import Hook, Hop, Journey, Packet, RuleRef, Stage, Verdict
from meshnet.trace.join import join
from meshnet.trace.recognise import Signature
from meshnet.trace.seen import Direction, Hit, Sighting
from meshnet.trace.sent import Sent
from tests.trace.packets import ABORT, INIT, INIT_ACK, RESET, SYN_ACK, hit, icmp, sctp, seen, tcp, udp, vxlan

CLIENT, NODE, SBOX, OVERLAY, TASK = "client", "node", "node/ingress_sbox", "node/1-net", "other/task"
SEQUENCE = 7

RULES = {
    NODE: """*nat
:PREROUTING ACCEPT
:IN -
-A PREROUTING -j IN
-A IN -p tcp -j DNAT --to-destination 172.19.0.2:8000
COMMIT
*filter
:FORWARD DROP
-A FORWARD -i eth0 -j ACCEPT
COMMIT
""",
    SBOX: """*mangle
:PREROUTING ACCEPT
-A PREROUTING -p tcp -m tcp --dport 8000 -j MARK --set-xmark 0x100/0xffffffff
COMMIT
*nat
:POSTROUTING ACCEPT
-A POSTROUTING -m ipvs --ipvs -j SNAT --to-source 10.255.0.3
COMMIT
""",
    TASK: """*nat
:PREROUTING ACCEPT
-A PREROUTING -p tcp -m tcp --dport 8000 -j REDIRECT --to-ports 80
COMMIT
""",
}


def world(*, listeners: bool = True) -> World:
    def state(name: str, addresses: dict[str, str], links: tuple[Link, ...] = ()) -> NetState:
        return NetState(
            links={link.name: link for link in links},
            addresses=tuple(Address(link, IPv4Interface(text)) for link, text in addresses.items()),
            rules=iptables_save.parse(RULES[name]) if name in RULES else Ruleset(),
            ipvs={0x100: VirtualService(0x100, destinations=(Destination(IPv4Address("10.255.0.7")),))}
            if name == SBOX
            else {},
        )

    lan = (Link("eth0", Veth("lan-eth1", NamespaceRef("lab"))),)
    return World(
        {
            NamespaceRef(CLIENT): state(CLIENT, {"eth0": "192.168.56.100/24"}, lan),
            NamespaceRef(NODE): state(NODE, {"eth0": "192.168.56.11/24"}, lan),
            NamespaceRef.parse(SBOX): state(SBOX, {"eth1": "172.19.0.2/16", "eth0": "10.255.0.3/16"}),
            NamespaceRef.parse(TASK): state(TASK, {"eth0": "10.255.0.7/16"}),
            NamespaceRef("lab"): state(
                "lab",
                {},
                (
                    Link("lan", Bridge()),
                    Link("lan-eth1", Veth("eth0", NamespaceRef(CLIENT)), master="lan"),
                    Link("lan-eth2", Veth("eth0", NamespaceRef(NODE)), master="lan"),
                ),
            ),
        },
        {NamespaceRef.parse(TASK): frozenset({Listener("udp", 53)})} if listeners else {},
    )


def sent(protocol: str = "tcp", port: int = 8000, nonce: bytes = b"") -> Sent:
    packet = Packet(
        IPv4Address("192.168.56.100"), IPv4Address("192.168.56.11"), protocol, 40000, port, length=40, mark=0
    )
    kind = "S" if protocol == "tcp" else ""
    return Sent(NamespaceRef(CLIENT), replace(packet, kind=kind), Signature(protocol, SEQUENCE, nonce))


def syn(destination: str, port: int = 8000, source: str = "192.168.56.100", ttl: int = 64) -> bytes:
    return tcp(source, 40000, destination, port, ttl=ttl, sequence=SEQUENCE)


def answer(source: str, port: int, destination: str, flags: int = SYN_ACK) -> bytes:
    return tcp(source, port, destination, 40000, flags=flags, sequence=99, ack=SEQUENCE + 1)


TO_NODE, TO_SBOX = syn("192.168.56.11"), syn("172.19.0.2", ttl=63)
BALANCED = syn("10.255.0.7", ttl=62)
TO_TASK = syn("10.255.0.7", source="10.255.0.3", ttl=62)


def request() -> list[Sighting | Hit]:
    """The whole way to the task, frames before hits, as two sockets a namespace hand it over."""
    return [
        seen(CLIENT, "eth0", "out", 10, TO_NODE),
        seen(NODE, "eth0", "in", 20, TO_NODE),
        seen(NODE, "docker_gwbridge", "out", 30, TO_SBOX),
        seen(SBOX, "eth1", "in", 40, TO_SBOX),
        seen(SBOX, "eth0", "out", 50, TO_TASK),
        seen(TASK, "eth0", "in", 60, TO_TASK),
        hit(NODE, "raw", "PREROUTING", 1, TO_NODE, come="eth0"),
        hit(NODE, "nat", "PREROUTING", 1, TO_NODE, come="eth0"),
        hit(NODE, "nat", "IN", 1, TO_NODE, hook=Hook.PREROUTING, come="eth0"),
        hit(NODE, "filter", "FORWARD", 1, TO_SBOX, come="eth0"),
        hit(SBOX, "mangle", "PREROUTING", 1, TO_SBOX, come="eth1"),
        hit(SBOX, "mangle", "PREROUTING", 2, TO_SBOX, mark=0x100, come="eth1"),
        hit(SBOX, "mangle", "INPUT", 1, TO_SBOX, mark=0x100, come="eth1"),
        hit(SBOX, "raw", "OUTPUT", 1, BALANCED, mark=0x100),
        hit(SBOX, "nat", "POSTROUTING", 1, BALANCED, mark=0x100),
        hit(TASK, "nat", "PREROUTING", 1, TO_TASK, come="eth0"),
        hit(TASK, "mangle", "INPUT", 1, syn("10.255.0.7", 80, "10.255.0.3", 62), come="eth0"),
    ]


def brief(hop: Hop) -> tuple[str, str, str]:
    """Where, what, and to which end."""
    what = str(hop.rule) if hop.rule else f"{hop.stage} {hop.interface}".strip()
    return str(hop.at), what, f"{hop.packet.destination}:{hop.packet.destination_port}"


def joined(*more: Sighting | Hit, answered: bool = False) -> Journey:
    return join(world(), sent(), [*request(), *more], answered=answered)


ANSWERED = (
    seen(TASK, "eth0", "out", 70, answer("10.255.0.7", 8000, "10.255.0.3")),
    seen(SBOX, "eth0", "in", 80, answer("10.255.0.7", 8000, "10.255.0.3")),
    hit(SBOX, "mangle", "FORWARD", 1, answer("10.255.0.7", 8000, "192.168.56.100"), come="eth0"),
    seen(SBOX, "eth1", "out", 90, answer("172.19.0.2", 8000, "192.168.56.100")),
    seen(NODE, "docker_gwbridge", "in", 100, answer("172.19.0.2", 8000, "192.168.56.100")),
    seen(NODE, "eth0", "out", 110, answer("192.168.56.11", 8000, "192.168.56.100")),
    seen(CLIENT, "eth0", "in", 120, answer("192.168.56.11", 8000, "192.168.56.100")),
)


def test_a_request_is_told_hop_by_hop_through_every_translation() -> None:
    journey = joined(*ANSWERED, answered=True)
    assert [brief(hop) for hop in journey.request.hops] == [
        (CLIENT, "send", "192.168.56.11:8000"),
        (CLIENT, "out eth0", "192.168.56.11:8000"),
        (NODE, "in eth0", "192.168.56.11:8000"),
        (NODE, "nat PREROUTING 1", "192.168.56.11:8000"),
        (NODE, "nat IN 1", "172.19.0.2:8000"),
        (NODE, "filter FORWARD 1", "172.19.0.2:8000"),
        (NODE, "out docker_gwbridge", "172.19.0.2:8000"),
        (SBOX, "in eth1", "172.19.0.2:8000"),
        (SBOX, "mangle PREROUTING 1", "172.19.0.2:8000"),
        (SBOX, "ipvs", "10.255.0.7:8000"),
        (SBOX, "nat POSTROUTING 1", "10.255.0.7:8000"),
        (SBOX, "out eth0", "10.255.0.7:8000"),
        (TASK, "in eth0", "10.255.0.7:8000"),
        (TASK, "nat PREROUTING 1", "10.255.0.7:80"),
        (TASK, "deliver", "10.255.0.7:80"),
    ]


def test_rules_say_what_they_made_of_the_packet() -> None:
    hops = {str(hop.rule): hop for hop in joined().request.hops if hop.rule}
    assert hops["mangle PREROUTING 1"].packet.mark == 0x100
    assert hops["nat POSTROUTING 1"].packet.source == IPv4Address("10.255.0.3")
    assert hops["nat IN 1"].rule == RuleRef("nat", "IN", 1, "-p tcp -j DNAT --to-destination 172.19.0.2:8000")


def test_the_answer_is_told_as_well_and_ends_at_the_socket_that_asked() -> None:
    reply = joined(*ANSWERED, answered=True).reply
    assert reply is not None
    stages = [(str(hop.at), hop.stage) for hop in reply.hops]
    assert stages[:4] == [(TASK, Stage.SEND), (TASK, Stage.OUT), (SBOX, Stage.IN), (SBOX, Stage.IPVS)]
    assert reply.hops[3].packet.source == IPv4Address("172.19.0.2")
    assert (reply.hops[-1].stage, str(reply.hops[-1].at)) == (Stage.DELIVER, CLIENT)
    assert reply.hops[-1].packet.source == IPv4Address("192.168.56.11")


def test_without_an_answer_tcp_was_not_delivered() -> None:
    end = joined().request.hops[-1]
    assert (end.stage, end.verdict) == (Stage.STOP, Verdict.DROPPED)


def test_a_reset_from_where_it_arrived_is_a_refusal() -> None:
    journey = joined(seen(TASK, "eth0", "out", 70, answer("10.255.0.7", 8000, "10.255.0.3", RESET)))
    assert journey.request.verdict is Verdict.REFUSED


def test_an_answer_that_did_not_come_home_is_lost_where_it_was_seen_last() -> None:
    reply = joined(*ANSWERED[:4]).reply
    assert reply is not None
    assert (str(reply.hops[-1].at), reply.verdict) == (SBOX, Verdict.DROPPED)


def test_a_policy_that_drops_is_a_hop_and_one_that_accepts_is_none() -> None:
    events = [*request()[:2], hit(NODE, "filter", "FORWARD", 2, TO_SBOX, come="eth0")]
    request_path = join(world(), sent(), events, answered=False).request
    assert request_path.hops[-1].rule == RuleRef("filter", "FORWARD", 0, "DROP")
    assert request_path.verdict is Verdict.DROPPED


def test_what_was_never_seen_ended_at_its_socket() -> None:
    path = join(world(), sent(), [], answered=False).request
    assert [hop.stage for hop in path.hops] == [Stage.SEND, Stage.STOP]


def test_frames_that_a_switch_floods_are_counted_and_left_out() -> None:
    third = NamespaceRef("third")
    flooded = World(
        {**world().states, third: NetState(links={"eth0": Link("eth0", Veth("lan-eth3", NamespaceRef("lab")))})}
    )
    events = [
        *request()[:1],
        seen("lab", "lan-eth1", "in", 11, TO_NODE, kind=Direction.OTHER_HOST),
        seen("lab", "lan-eth3", "out", 12, TO_NODE),
        seen("third", "eth0", "in", 13, TO_NODE, kind=Direction.OTHER_HOST),
        seen("lab", "lan-eth2", "out", 14, TO_NODE),
        *request()[1:],
    ]
    path = join(flooded, sent(), events, answered=False).request
    assert path.copies == 1
    assert [brief(hop)[:2] for hop in path.hops[2:5]] == [
        ("lab", "in lan-eth1"),
        ("lab", "out lan-eth2"),
        (NODE, "in eth0"),
    ]


@pytest.mark.parametrize("time", [12, 40])
def test_what_is_flooded_to_a_tunnel_that_knows_no_such_station_is_a_copy_whenever_it_is_seen(time: int) -> None:
    """Even after the packet has arrived, by the port where its station is."""
    bridge, task = NamespaceRef.parse(OVERLAY), NamespaceRef.parse(TASK)
    links = (
        Link("br0", Bridge()),
        Link("veth0", Veth("eth0", NamespaceRef(CLIENT)), master="br0"),
        Link("veth1", Veth("eth0", task), master="br0"),
        Link("vxlan0", Vxlan(4096, 4789, NamespaceRef(NODE)), master="br0"),
    )
    flooding = World({**world().states, bridge: NetState(links={link.name: link for link in links})}, {})
    events = [
        seen(CLIENT, "eth0", "out", 10, TO_TASK),
        seen(OVERLAY, "veth0", "in", 11, TO_TASK, kind=Direction.OTHER_HOST),
        seen(OVERLAY, "veth1", "out", 11, TO_TASK),
        seen(TASK, "eth0", "in", 20, TO_TASK),
        seen(OVERLAY, "vxlan0", "out", time, TO_TASK),
    ]
    path = join(flooding, sent(), events, answered=False).request
    assert path.copies == 1
    assert [brief(hop)[:2] for hop in path.hops[2:5]] == [
        (OVERLAY, "in veth0"),
        (OVERLAY, "out veth1"),
        (TASK, "in eth0"),
    ]


def test_what_a_tunnel_alone_was_given_and_knows_no_station_for_ends_there() -> None:
    links = (
        Link("veth0", Veth("eth0", NamespaceRef(CLIENT)), master="br0"),
        Link("vxlan0", Vxlan(4096, 4789, NamespaceRef(NODE)), master="br0"),
    )
    lost = World(
        {**world().states, NamespaceRef.parse(OVERLAY): NetState(links={each.name: each for each in links})}, {}
    )
    events = [
        seen(CLIENT, "eth0", "out", 10, TO_TASK),
        seen(OVERLAY, "veth0", "in", 11, TO_TASK, kind=Direction.OTHER_HOST),
        seen(OVERLAY, "vxlan0", "out", 12, TO_TASK),
    ]
    path = join(lost, sent(), events, answered=False).request
    assert path.copies == 0
    assert [(str(hop.at), hop.stage) for hop in path.hops[-2:]] == [(OVERLAY, Stage.OUT), (OVERLAY, Stage.STOP)]


def test_the_packet_that_carries_it_is_told_between_the_ends_of_the_tunnel() -> None:
    outer = vxlan("192.168.56.11", "192.168.56.12", 4096, TO_TASK)
    events = [
        *request()[:1],
        seen(NODE, "eth0", "in", 20, TO_NODE),
        seen(OVERLAY, "vxlan0", "out", 30, TO_TASK),
        seen(NODE, "eth0", "out", 40, outer),
        hit(NODE, "nat", "IN", 1, TO_NODE, hook=Hook.PREROUTING, come="eth0"),
        hit(NODE, "filter", "FORWARD", 1, outer, hook=Hook.OUTPUT),
    ]
    path = join(world(), sent(), events, answered=False).request
    assert [brief(hop)[:2] for hop in path.hops[2:7]] == [
        (NODE, "in eth0"),
        (NODE, "nat IN 1"),
        (OVERLAY, "out vxlan0"),
        (NODE, "filter FORWARD 1"),
        (NODE, "out eth0"),
    ]
    assert path.hops[6].packet.vni == 4096


def test_a_bridges_frame_meets_prerouting_at_its_port_and_forward_above_the_bridge() -> None:
    events: list[Sighting | Hit] = [
        seen(CLIENT, "eth0", "out", 10, TO_NODE),
        seen(NODE, "veth1", "in", 20, TO_NODE),
        seen(NODE, "docker_gwbridge", "in", 20, TO_NODE),
        seen(NODE, "eth0", "out", 30, TO_SBOX),
        hit(NODE, "nat", "IN", 1, TO_NODE, hook=Hook.PREROUTING, come="docker_gwbridge", port="veth1"),
        hit(NODE, "filter", "FORWARD", 1, TO_SBOX, come="docker_gwbridge", port="veth1"),
    ]
    path = join(world(), sent(), events, answered=False).request
    assert [brief(hop)[1] for hop in path.hops[2:7]] == [
        "in veth1",
        "nat IN 1",
        "in docker_gwbridge",
        "filter FORWARD 1",
        "out eth0",
    ]


NONCE = b"0123456789abcdef"


def test_a_datagram_is_known_by_its_nonce_and_its_echo_by_going_the_other_way() -> None:
    there = udp("192.168.56.100", 40000, "10.255.0.7", 53, NONCE)
    back = udp("10.255.0.7", 53, "192.168.56.100", 40000, NONCE)
    other = udp("192.168.56.100", 40000, "10.255.0.7", 53, b"another one")
    events = [
        seen(CLIENT, "eth0", "out", 10, there),
        seen(CLIENT, "eth0", "out", 11, other),
        seen(TASK, "eth0", "in", 20, there),
        seen(TASK, "eth0", "out", 30, back),
        seen(CLIENT, "eth0", "in", 40, back),
    ]
    journey = join(world(), sent("udp", 53, NONCE), events, answered=True)
    assert [hop.stage for hop in journey.request.hops] == [Stage.SEND, Stage.OUT, Stage.IN, Stage.DELIVER]
    assert journey.reply is not None
    assert journey.reply.verdict is Verdict.DELIVERED


def test_an_answer_to_a_translated_datagram_of_ones_own_comes_back_though_no_frame_says_so() -> None:
    """On ``lo`` the answer is seen when its translation is undone already."""
    masqueraded = udp("192.168.56.11", 40000, "172.18.0.1", 53, NONCE)
    back = udp("172.18.0.1", 53, "172.18.0.1", 40000, NONCE)
    events: list[Sighting | Hit] = [
        seen(NODE, "lo", "out", 10, masqueraded),
        seen(NODE, "lo", "in", 11, masqueraded),
        seen(NODE, "lo", "out", 20, back),
        seen(NODE, "lo", "in", 21, back),
        hit(NODE, "nat", "OUTPUT", 1, udp("172.18.0.1", 40000, "172.18.0.1", 53, NONCE)),
    ]
    own = IPv4Address("172.18.0.1")
    asked = sent("udp", 53, NONCE)
    asked = replace(asked, at=NamespaceRef(NODE), packet=replace(asked.packet, source=own, destination=own))
    journey = join(world(), asked, events, answered=True)
    assert all(hop.packet.destination_port == 53 for hop in journey.request.hops)
    assert journey.reply is not None
    assert [hop.stage for hop in journey.reply.hops] == [Stage.SEND, Stage.OUT, Stage.IN, Stage.DELIVER]


@pytest.mark.parametrize(("chunk", "verdict"), [(INIT_ACK, Verdict.DELIVERED), (ABORT, Verdict.REFUSED)])
def test_an_association_is_opened_or_refused(chunk: int, verdict: Verdict) -> None:
    tag = NONCE[:4]
    there = sctp("192.168.56.100", 40000, "10.255.0.7", 7, INIT, initiate=tag)
    back = sctp("10.255.0.7", 7, "192.168.56.100", 40000, chunk, tag=tag)
    nobodys = sctp("192.168.56.100", 40000, "10.255.0.7", 7, ABORT, tag=tag, flags=1)
    events = [
        seen(CLIENT, "eth0", "out", 10, there),
        seen(TASK, "eth0", "in", 20, there),
        seen(TASK, "eth0", "out", 30, back),
        seen(CLIENT, "eth0", "in", 40, back),
        seen(CLIENT, "eth0", "out", 50, nobodys),
    ]
    journey = join(world(), sent("sctp", 7, tag), events, answered=True)
    assert journey.request.verdict is verdict
    assert [hop.stage for hop in journey.request.hops][:3] == [Stage.SEND, Stage.OUT, Stage.IN]
    assert len(journey.request.hops) == 4
    assert journey.reply is not None
    assert len(journey.reply.hops) == 4


def test_a_datagram_nobody_answers_was_delivered_if_somebody_listens() -> None:
    there = udp("192.168.56.100", 40000, "10.255.0.7", 53, NONCE)
    events = [seen(CLIENT, "eth0", "out", 10, there), seen(TASK, "eth0", "in", 20, there)]
    assert join(world(), sent("udp", 53, NONCE), events, answered=False).request.verdict is Verdict.DELIVERED
    deaf = world(listeners=False)
    assert join(deaf, sent("udp", 53, NONCE), events, answered=False).request.verdict is Verdict.DROPPED


def test_an_icmp_error_from_the_way_is_the_answer_and_the_probe_was_dropped_there() -> None:
    there = udp("192.168.56.100", 40000, "10.255.0.7", 53, NONCE)
    error = icmp("192.168.56.11", "192.168.56.100", 11, 0, there)
    events = [
        seen(CLIENT, "eth0", "out", 10, there),
        seen(NODE, "eth0", "in", 20, there),
        seen(NODE, "eth0", "out", 30, error),
        seen(CLIENT, "eth0", "in", 40, error),
    ]
    journey = join(world(), sent("udp", 53, NONCE), events, answered=True)
    assert (str(journey.request.hops[-1].at), journey.request.verdict) == (NODE, Verdict.DROPPED)
    assert journey.reply is not None
    assert journey.reply.hops[0].packet.kind == "ttl-exceeded"


def test_an_icmp_error_quotes_a_tcp_probe_by_its_number() -> None:
    there = syn("192.168.56.11")
    events = [
        seen(CLIENT, "eth0", "out", 10, there),
        seen(NODE, "eth0", "in", 20, there),
        seen(NODE, "eth0", "out", 30, icmp("192.168.56.11", "192.168.56.100", 3, 1, there)),
        seen(
            NODE,
            "eth0",
            "out",
            31,
            icmp("192.168.56.11", "192.168.56.100", 3, 1, tcp("1.1.1.1", 1, "2.2.2.2", 2, sequence=8)),
        ),
    ]
    reply = join(world(), sent(), events, answered=False).reply
    assert reply is not None
    assert [hop.packet.kind for hop in reply.hops if hop.stage is Stage.OUT] == ["host-unreachable"]


def test_what_masquerading_made_of_a_packet_that_is_seen_no_more_follows_from_its_way_out() -> None:
    masquerading = iptables_save.parse("*nat\n:POSTROUTING ACCEPT\n-A POSTROUTING -j MASQUERADE\nCOMMIT\n")
    node = replace(world().states[NamespaceRef(NODE)], rules=masquerading)
    leaving = replace(hit(NODE, "nat", "POSTROUTING", 1, TO_NODE), out_interface="eth0")
    events = [*request()[:2], hit(NODE, "raw", "PREROUTING", 1, TO_NODE, come="eth0"), leaving]
    path = join(World({**world().states, NamespaceRef(NODE): node}), sent(), events, answered=False).request
    assert str(path.hops[-2].packet.source) == "192.168.56.11"


def test_an_answer_that_the_askers_own_ipvs_turned_back_passes_it_before_the_socket() -> None:
    balancing = VirtualService(0x101, destinations=(Destination(IPv4Address("10.255.0.7")),))
    client = replace(world().states[NamespaceRef(CLIENT)], ipvs={0x101: balancing})
    events = [
        seen(CLIENT, "eth0", "out", 10, TO_TASK),
        seen(TASK, "eth0", "in", 20, TO_TASK),
        seen(TASK, "eth0", "out", 30, answer("10.255.0.7", 8000, "192.168.56.100")),
        seen(CLIENT, "eth0", "in", 40, answer("10.255.0.7", 8000, "192.168.56.100")),
    ]
    reply = join(World({**world().states, NamespaceRef(CLIENT): client}), sent(), events, answered=True).reply
    assert reply is not None
    assert [hop.stage for hop in reply.hops[-2:]] == [Stage.IPVS, Stage.DELIVER]
    assert reply.hops[-2].packet.source == IPv4Address("192.168.56.11")


def test_a_task_that_its_own_ipvs_sends_to_itself_passes_it_before_it_is_translated() -> None:
    """From 18.03 on to 18.09 every task balances for itself, and a service may ask itself."""
    rules = """*mangle
:OUTPUT ACCEPT
-A OUTPUT -d 10.0.2.5/32 -j MARK --set-xmark 0x101/0xffffffff
COMMIT
*nat
:POSTROUTING ACCEPT
-A POSTROUTING -m ipvs --ipvs -j SNAT --to-source 10.0.2.7
COMMIT
"""
    own = IPv4Address("10.0.2.7")
    there = replace(
        world().states[NamespaceRef.parse(TASK)],
        rules=iptables_save.parse(rules),
        ipvs={0x101: VirtualService(0x101, destinations=(Destination(own),))},
    )
    marked, chosen, left = (
        udp(source, 40000, to, 7, NONCE)
        for source, to in (("10.0.2.5", "10.0.2.5"), ("10.0.2.5", "10.0.2.7"), ("10.0.2.7", "10.0.2.7"))
    )
    events: list[Sighting | Hit] = [
        seen(TASK, "lo", "out", 10, left),
        seen(TASK, "lo", "in", 11, left),
        hit(TASK, "mangle", "OUTPUT", 1, marked),
        hit(TASK, "nat", "POSTROUTING", 1, chosen, mark=0x101),
    ]
    asked = sent("udp", 7, NONCE)
    vip = IPv4Address("10.0.2.5")
    asked = replace(asked, at=NamespaceRef.parse(TASK), packet=replace(asked.packet, source=vip, destination=vip))
    request = join(World({NamespaceRef.parse(TASK): there}), asked, events, answered=False).request
    stages = [hop.stage for hop in request.hops]
    assert stages[:5] == [Stage.SEND, Stage.RULE, Stage.IPVS, Stage.RULE, Stage.OUT]
    assert (request.hops[2].packet.destination, request.hops[2].packet.mark) == (own, 0x101)


def test_an_icmp_error_from_where_it_had_arrived_is_no_delivery() -> None:
    """A balancer has the address, and sends on what comes for it; or can't."""
    error = icmp("10.255.0.7", "192.168.56.100", 11, 0, TO_TASK)
    journey = joined(seen(TASK, "eth0", "out", 70, error))
    assert (journey.request.hops[-1].stage, journey.request.verdict) == (Stage.STOP, Verdict.DROPPED)


def test_a_router_that_knows_a_shorter_way_answers_nothing() -> None:
    there = udp("192.168.56.100", 40000, "10.255.0.7", 53, NONCE)
    redirect = icmp("192.168.56.11", "192.168.56.100", 5, 1, there)
    events = [
        seen(CLIENT, "eth0", "out", 10, there),
        seen(NODE, "eth0", "in", 20, there),
        seen(NODE, "eth0", "out", 21, redirect),
        seen(NODE, "eth0", "out", 22, there),
        seen(TASK, "eth0", "in", 30, there),
    ]
    journey = join(world(), sent("udp", 53, NONCE), events, answered=False)
    assert journey.request.verdict is Verdict.DELIVERED
    assert journey.reply is None


def test_a_bridged_frame_that_goes_round_by_the_bridge_meets_forward_after_that() -> None:
    """As it does after DNAT while the kernel's neighbour entry isn't fresh."""
    events: list[Sighting | Hit] = [
        seen(CLIENT, "eth0", "out", 10, TO_NODE),
        seen(NODE, "veth1", "in", 20, TO_NODE),
        seen(NODE, "docker_gwbridge", "out", 25, TO_SBOX),
        seen(NODE, "veth2", "out", 30, TO_SBOX),
        hit(NODE, "nat", "IN", 1, TO_NODE, hook=Hook.PREROUTING, come="docker_gwbridge", port="veth1"),
        hit(NODE, "filter", "FORWARD", 1, TO_SBOX, come="docker_gwbridge", port="veth1", port_out="veth2"),
    ]
    path = join(world(), sent(), events, answered=False).request
    assert [brief(hop)[1] for hop in path.hops[2:7]] == [
        "in veth1",
        "nat IN 1",
        "out docker_gwbridge",
        "filter FORWARD 1",
        "out veth2",
    ]


def test_an_echo_whose_way_back_shows_other_ends_than_the_way_there_is_still_one() -> None:
    """What a node sends to its own 127.0.0.1 is translated before it is seen, and back before the bridge has it."""
    asked = udp("127.0.0.1", 40000, "172.19.0.2", 53, NONCE)
    there = udp("172.19.0.1", 40000, "172.19.0.2", 53, NONCE)
    back = udp("172.19.0.2", 53, "127.0.0.1", 40000, NONCE)
    events: list[Sighting | Hit] = [
        seen(CLIENT, "docker_gwbridge", "out", 10, there),
        seen(TASK, "eth0", "in", 20, udp("172.19.0.1", 40000, "10.255.0.7", 53, NONCE)),
        seen(TASK, "eth0", "out", 30, udp("10.255.0.7", 53, "172.19.0.1", 40000, NONCE)),
        seen(CLIENT, "docker_gwbridge", "in", 40, back),
        hit(CLIENT, "nat", "POSTROUTING", 1, asked),
    ]
    journey = join(world(), sent("udp", 53, NONCE), events, answered=True)
    assert journey.request.verdict is Verdict.DELIVERED
    assert journey.reply is not None
    assert [hop.stage for hop in journey.reply.hops] == [Stage.SEND, Stage.OUT, Stage.IN, Stage.DELIVER]


def test_rules_that_flooded_copies_meet_on_their_way_are_left_out_with_them() -> None:
    """br_netfilter takes each copy through FORWARD, one after another."""
    third = NamespaceRef("third")
    flooded = World(
        {**world().states, third: NetState(links={"eth0": Link("eth0", Veth("veth3", NamespaceRef(NODE)))})}
    )
    bridge = "docker_gwbridge"
    events: list[Sighting | Hit] = [
        seen(CLIENT, "eth0", "out", 10, TO_NODE),
        seen(NODE, "veth1", "in", 20, TO_NODE),
        seen(NODE, "veth3", "out", 25, TO_NODE),
        seen("third", "eth0", "in", 26, TO_NODE, kind=Direction.OTHER_HOST),
        seen(NODE, "veth2", "out", 30, TO_NODE),
        hit(NODE, "filter", "FORWARD", 1, TO_NODE, come=bridge, port="veth1", port_out="veth3"),
        hit(NODE, "filter", "FORWARD", 1, TO_NODE, come=bridge, port="veth1", port_out="veth2"),
    ]
    path = join(flooded, sent(), events, answered=False).request
    assert [brief(hop)[1] for hop in path.hops[2:5]] == ["in veth1", "filter FORWARD 1", "out veth2"]
    assert path.copies == 1
