from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Interface, IPv4Network

import pytest

from meshnet.errors import InputError, NotTaughtError
from meshnet.netstate import Address, Destination, NamespaceRef, Route
from meshnet.netstate.world import Listener, World
from meshnet.path import Hop, Journey, Packet, Probe, Stage, Verdict, Why
from meshnet.predict import ServerChoice, predict
from tests.mesh.article import CLIENT_1, CLUSTERS, WHOAMI_1, article
from tests.predict.worlds import CLIENT, changed, ip, on_lan

WORLD = on_lan(article(*CLUSTERS["20.10"]))
WORKER1, WORKER2 = NamespaceRef("swarm-worker1"), NamespaceRef("swarm-worker2")
SANDBOX = NamespaceRef("swarm-worker1", "ingress_sbox")
OVERLAY = NamespaceRef("swarm-worker1", "1-uz1kgf9j6m")
OVERLAY_THERE = NamespaceRef("swarm-manager", "1-uz1kgf9j6m")
TASK = NamespaceRef("swarm-manager", WHOAMI_1.sandbox_file)
ASKER = NamespaceRef("swarm-worker2", CLIENT_1.sandbox_file)
LOCAL, REMOTE = ip("10.255.0.5"), ip("10.255.0.7")

OUTSIDE = Probe(CLIENT, ip("192.168.56.11"), "tcp", 8000, 40000)


def one(world: World, probe: Probe, *, reply: bool = True) -> Journey:
    return predict(world, probe, reply=reply, choose={(SANDBOX, 0x100): LOCAL})[0].journey


def frames(journey: Journey, *, back: bool = False) -> list[Hop]:
    path = journey.reply if back else journey.request
    assert path is not None
    return [hop for hop in path.hops if hop.stage in (Stage.IN, Stage.OUT)]


def sent_back(probe: Probe, world: World = WORLD) -> Packet | None:
    reply = one(world, probe).reply
    return reply.hops[0].packet if reply else None


def test_there_is_a_prediction_for_each_real_server_in_their_order() -> None:
    assert [each.servers for each in predict(WORLD, OUTSIDE)] == [
        (ServerChoice(SANDBOX, 0x100, LOCAL),),
        (ServerChoice(SANDBOX, 0x100, REMOTE),),
    ]


def test_one_that_is_drained_is_not_predicted() -> None:
    service = replace(WORLD.states[SANDBOX].ipvs[0x100], destinations=(Destination(LOCAL, 0), Destination(REMOTE)))
    predictions = predict(changed(WORLD, SANDBOX, ipvs={0x100: service}), OUTSIDE)
    assert [choice.address for each in predictions for choice in each.servers] == [REMOTE]


def test_a_choice_can_be_asked_for() -> None:
    (only,) = predict(WORLD, OUTSIDE, choose={(SANDBOX, 0x100): REMOTE})
    assert [choice.address for choice in only.servers] == [REMOTE]


def test_a_choice_that_isnt_there_is_refused_with_where() -> None:
    with pytest.raises(InputError, match=r"-f 256 at swarm-worker1/ingress_sbox .* found 10\.255\.0\.99"):
        predict(WORLD, OUTSIDE, choose={(SANDBOX, 0x100): ip("10.255.0.99")})


def test_a_request_alone_has_no_reply() -> None:
    assert all(each.journey.reply is None for each in predict(WORLD, OUTSIDE))


@pytest.mark.parametrize(
    ("probe", "kind", "length", "dont_fragment"),
    [
        (OUTSIDE, "SA", 60, True),
        (replace(OUTSIDE, port=22), "SA", 60, True),
        (Probe(CLIENT, ip("192.168.56.11"), "udp", 9, 40000, length=100), "", 100, True),
        (Probe(CLIENT, ip("192.168.56.11"), "icmp", None, 40000, length=84), "echo-reply", 84, False),
    ],
)
def test_an_answer_looks_like_the_kernels(probe: Probe, kind: str, length: int, dont_fragment: bool) -> None:
    answer = sent_back(probe)
    assert answer is not None
    assert (answer.kind, answer.length, answer.dont_fragment, answer.ttl, answer.mark) == (
        kind,
        length,
        dont_fragment,
        64,
        0,
    )


def test_a_refusal_by_tcp_is_a_reset_of_its_own_length() -> None:
    journey = one(replace(WORLD, listeners={}), OUTSIDE)
    assert journey.request.verdict is Verdict.REFUSED
    assert journey.reply is not None
    assert journey.reply.hops[0].packet.kind == "RA"
    assert journey.reply.hops[0].packet.length == 40
    assert journey.reply.verdict is Verdict.DELIVERED


def test_of_a_refused_datagram_no_answer_is_told() -> None:
    probe = Probe(CLIENT, ip("192.168.56.11"), "udp", 9, 40000, length=100)
    journey = one(replace(WORLD, listeners={}), probe)
    assert (journey.request.verdict, journey.reply) == (Verdict.REFUSED, None)


@pytest.mark.parametrize(
    ("listener", "verdict"),
    [
        (Listener("tcp", 8000), Verdict.DELIVERED),
        (Listener("tcp", 8000, LOCAL), Verdict.DELIVERED),
        (Listener("tcp", 8000, ip("127.0.0.1")), Verdict.REFUSED),
        (Listener("tcp", 80), Verdict.REFUSED),
        (Listener("udp", 8000), Verdict.REFUSED),
    ],
)
def test_a_listener_takes_what_is_for_its_port_and_address(listener: Listener, verdict: Verdict) -> None:
    assert one(replace(WORLD, listeners={TASK: frozenset({listener})}), OUTSIDE).request.verdict is verdict


def test_a_ping_needs_no_listener() -> None:
    probe = Probe(CLIENT, ip("192.168.56.11"), "icmp", None, 40000)
    assert one(replace(WORLD, listeners={}), probe).request.verdict is Verdict.DELIVERED


def test_what_carries_a_frame_has_headers_of_its_own() -> None:
    outer = next(hop.packet for hop in frames(one(WORLD, OUTSIDE)) if hop.packet.inner)
    assert outer == Packet(
        ip("192.168.56.11"),
        ip("192.168.56.10"),
        "udp",
        destination_port=4789,
        ttl=64,
        length=110,
        dont_fragment=False,
        source_mac="02:00:c0:a8:38:0b",
        destination_mac="02:00:c0:a8:38:0a",
        vni=4096,
        inner=outer.inner,
    )
    inner = outer.inner
    assert inner is not None
    assert (inner.source_mac, inner.destination_mac) == ("02:42:0a:ff:00:03", "02:42:0a:ff:00:05")
    assert (inner.ttl, inner.length, inner.dont_fragment, inner.mark) == (62, 60, True, None)


def test_frames_have_macs_and_no_mark_and_all_else_a_mark_and_no_macs() -> None:
    journey = one(WORLD, OUTSIDE)
    assert journey.reply is not None
    for hop in (*journey.request.hops, *journey.reply.hops):
        is_frame = hop.stage in (Stage.IN, Stage.OUT)
        assert (hop.packet.mark is None) == is_frame
        assert (hop.packet.source_mac is not None) == is_frame
        assert (hop.packet.destination_mac is not None) == is_frame


def test_lo_has_no_macs() -> None:
    on_lo = frames(one(WORLD, Probe(WORKER1, ip("127.0.0.1"), "tcp", 22, 40000)))
    assert [(hop.stage, hop.interface) for hop in on_lo] == [(Stage.OUT, "lo"), (Stage.IN, "lo")]
    assert {hop.packet.source_mac for hop in on_lo} == {"00:00:00:00:00:00"}


@pytest.mark.parametrize(
    ("stage", "at", "why", "text"),
    [
        (Stage.OUT, CLIENT, Why.ROUTE, "192.168.56.0/24 dev eth0 proto kernel scope link src 192.168.56.100"),
        (Stage.IN, WORKER1, Why.VETH, "lan1-eth3 of lab is its other end"),
        (Stage.IPVS, SANDBOX, Why.IPVS, "-A -f 256 -s rr; -a -f 256 -r 10.255.0.5:0 -m -w 1"),
        (Stage.OUT, OVERLAY, Why.FDB, "02:42:0a:ff:00:05 dev vxlan0 dst 192.168.56.10 self permanent"),
        (Stage.IN, OVERLAY_THERE, Why.VXLAN, "vxlan id 4096 dstport 4789 from 192.168.56.11"),
        (Stage.OUT, OVERLAY_THERE, Why.BRIDGE, "02:42:0a:ff:00:05 dev veth1 master br0"),
        (Stage.DELIVER, TASK, Why.SOCKET, f"tcp at {TASK}"),
    ],
)
def test_a_hop_names_what_decided_it(stage: Stage, at: NamespaceRef, why: Why, text: str) -> None:
    cause = next(hop.cause for hop in one(WORLD, OUTSIDE).request.hops if (hop.stage, hop.at) == (stage, at))
    assert cause is not None
    assert (cause.why, cause.text) == (why, text)


def test_an_answer_finds_its_way_by_what_the_tunnel_learned() -> None:
    """Whose FDB entry is gone has just been heard from: VXLAN devices learn."""
    world = changed(WORLD, OVERLAY_THERE, fdb=frozenset())
    reply = one(world, OUTSIDE).reply
    assert reply is not None
    assert reply.verdict is Verdict.DELIVERED
    learned = next(hop.cause for hop in reply.hops if hop.interface == "vxlan0")
    assert learned is not None
    assert learned.text == "02:42:0a:ff:00:03 dev vxlan0 dst 192.168.56.11 self"


def test_a_bridged_frame_goes_round_by_the_bridge_if_its_neighbour_is_not_fresh() -> None:
    probe = Probe(ASKER, ip("172.18.0.1"), "tcp", 8000, 40000)
    ways = predict(WORLD, probe, choose={(NamespaceRef("swarm-worker2", "ingress_sbox"), 0x100): LOCAL})
    seen = [[hop.interface for hop in frames(each.journey) if hop.at == WORKER2][:3] for each in ways]
    assert [interfaces[1] == "docker_gwbridge" for interfaces in seen] == [False, True]


def test_a_frame_that_dnat_sends_back_into_the_bridge_goes_up_where_nothing_is_forwarded() -> None:
    sysctls = {**WORLD.states[WORKER2].sysctls, "net.ipv4.ip_forward": "0"}
    (only,) = predict(changed(WORLD, WORKER2, sysctls=sysctls), Probe(ASKER, ip("172.18.0.1"), "tcp", 8000, 40000))
    *_, last, end = only.journey.request.hops
    assert (last.stage, last.interface) == (Stage.IN, "docker_gwbridge")
    assert end.cause is not None
    assert end.cause.why is Why.FORWARDING_OFF


@pytest.mark.parametrize(
    ("world", "probe", "words"),
    [
        (WORLD, replace(OUTSIDE, destination=ip("224.0.0.1")), "for many: 224.0.0.1"),
        (WORLD, replace(OUTSIDE, destination=ip("192.168.56.255")), "a broadcast route: .*client"),
        (World({}), OUTSIDE, "client"),
        (
            changed(WORLD, CLIENT, routes=frozenset({Route(IPv4Network("0.0.0.0/0"), "", kind="multipath")})),
            replace(OUTSIDE, destination=ip("8.8.8.8")),
            "multipath route",
        ),
        (changed(WORLD, WORKER1, sysctls={"net.ipv4.conf.eth0.arp_ignore": "1"}), OUTSIDE, "arp_ignore = 1"),
        (
            changed(
                WORLD,
                WORKER2,
                addresses=(*WORLD.states[WORKER2].addresses, Address("eth0", IPv4Interface("192.168.56.11/24"))),
            ),
            OUTSIDE,
            "who answers first for 192.168.56.11: eth0 of swarm-worker1 and eth0 of swarm-worker2",
        ),
        (
            changed(
                WORLD,
                SANDBOX,
                ipvs={
                    0x100: replace(
                        WORLD.states[SANDBOX].ipvs[0x100], destinations=(Destination(LOCAL, forwarding="route"),)
                    )
                },
            ),
            OUTSIDE,
            "IPVS's route, for 10.255.0.5",
        ),
    ],
)
def test_what_isnt_known_is_refused_by_name(world: World, probe: Probe, words: str) -> None:
    with pytest.raises(NotTaughtError, match=words):
        predict(world, probe)


def test_what_answers_nothing_that_is_taught_is_refused_only_when_asked() -> None:
    probe = Probe(ASKER, ip("10.0.2.7"), "sctp", 7, 40000)
    assert predict(WORLD, probe)[0].journey.request.verdict is Verdict.DELIVERED
    with pytest.raises(NotTaughtError, match="SCTP"):
        predict(WORLD, probe, reply=True)


def test_a_packet_that_goes_round_in_circles_ends_with_its_ttl() -> None:
    there, back = (Route(IPv4Network("10.99.0.0/16"), "eth0", ip(f"192.168.56.{end}")) for end in (12, 11))
    world = changed(WORLD, WORKER1, routes=frozenset({there}))
    world = changed(world, WORKER2, routes=frozenset({back}))
    for at in (WORKER1, WORKER2):
        world = changed(world, at, rules=type(WORLD.states[at].rules)())
    world = changed(world, CLIENT, routes=frozenset({back}))
    (only,) = predict(world, replace(OUTSIDE, destination=ip("10.99.1.1")))
    end = only.journey.request.hops[-1]
    assert end.cause is not None
    assert (end.cause.why, end.packet.ttl) == (Why.TTL, 1)
