"""Frames in bridges, tunnels and cables, where the article's cluster alone doesn't show it."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Interface

import pytest

from meshnet.netstate import Address, FdbEntry, Link, NamespaceRef, Neighbour, NetState, Ruleset, Veth
from meshnet.netstate.dialects import iptables_save
from meshnet.netstate.world import World
from meshnet.path import Cause, Hop, Probe, Stage, Verdict, Why
from meshnet.predict import predict
from tests.mesh.article import CLIENT_1, CLUSTERS, WHOAMI_1, article
from tests.predict.worlds import changed, ip, on_lan

WORLD = on_lan(article(*CLUSTERS["20.10"]))
MANAGER, WORKER2 = NamespaceRef("swarm-manager"), NamespaceRef("swarm-worker2")
OVERLAY_THERE = NamespaceRef("swarm-manager", "1-uz1kgf9j6m")
TASK, ASKER = NamespaceRef("swarm-manager", WHOAMI_1.sandbox_file), NamespaceRef("swarm-worker2", CLIENT_1.sandbox_file)
SANDBOX = NamespaceRef("swarm-worker2", "ingress_sbox")
TASK_MAC, SANDBOX_MAC = "02:42:0a:ff:00:05", "02:42:ac:12:00:02"
TO_GATEWAY = Probe(ASKER, ip("172.18.0.1"), "icmp", None, 40000)
PORT = next(
    name
    for name, link in WORLD.states[WORKER2].links.items()
    if isinstance(link.kind, Veth) and link.kind.peer_namespace == ASKER
)


def hops(world: World, probe: Probe) -> tuple[Hop, ...]:
    return predict(world, probe)[0].journey.request.hops


def end(world: World, probe: Probe) -> tuple[str, Cause]:
    hop = hops(world, probe)[-1]
    assert hop.cause is not None
    return str(hop.at), hop.cause


def with_link(world: World, at: NamespaceRef, name: str, **changes: object) -> World:
    links = world.states[at].links
    return changed(world, at, links={**links, name: replace(links[name], **changes)})  # type: ignore[arg-type]


def ruled(world: World, at: NamespaceRef, table: str, rule: str) -> World:
    chain = rule.split()[1]
    return changed(world, at, rules=iptables_save.parse(f"*{table}\n:{chain} ACCEPT\n{rule}\nCOMMIT\n"))


def where(world: World, probe: Probe, at: NamespaceRef) -> list[str]:
    """What happens in a namespace: rules by their table, frames by their interface."""
    return [
        hop.rule.table if hop.rule else f"{hop.stage.value} {hop.interface}".strip()
        for hop in hops(world, probe)
        if hop.at == at
    ]


def test_a_bridges_frame_meets_prerouting_once_and_at_its_port() -> None:
    world = ruled(WORLD, WORKER2, "mangle", f"-A PREROUTING -m physdev --physdev-in {PORT} -j MARK --set-xmark 0x1/0x1")
    assert where(world, TO_GATEWAY, WORKER2) == [f"in {PORT}", "mangle", "in docker_gwbridge", "deliver"]


def test_a_namespace_looks_at_its_bridges_frames_unless_it_says_not() -> None:
    world = ruled(WORLD, WORKER2, "mangle", "-A PREROUTING -j MARK --set-xmark 0x1/0x1")
    untold = changed(world, WORKER2, sysctls={})
    assert where(untold, TO_GATEWAY, WORKER2) == [f"in {PORT}", "mangle", "in docker_gwbridge", "deliver"]
    off = changed(world, WORKER2, sysctls={"net.bridge.bridge-nf-call-iptables": "0"})
    assert where(off, TO_GATEWAY, WORKER2) == [f"in {PORT}", "in docker_gwbridge", "mangle", "deliver"]


def test_containers_may_not_talk_across_docker_gwbridge() -> None:
    last = hops(WORLD, replace(TO_GATEWAY, destination=ip("172.18.0.4")))[-1]
    assert (last.stage, last.verdict) == (Stage.RULE, Verdict.DROPPED)
    assert last.rule is not None
    assert "-i docker_gwbridge -o docker_gwbridge -j DROP" in last.rule.text


def test_a_routed_packet_is_still_known_by_the_port_it_came_by() -> None:
    world = ruled(WORLD, WORKER2, "filter", f"-A FORWARD -m physdev --physdev-in {PORT} -j DROP")
    last = hops(world, replace(TO_GATEWAY, destination=ip("192.168.56.100")))[-1]
    assert (last.stage, last.verdict) == (Stage.RULE, Verdict.DROPPED)


def test_a_port_without_a_carrier_is_no_way_for_rules_to_look_at() -> None:
    known = Neighbour("eth1", ip("172.18.0.2"), SANDBOX_MAC)
    world = changed(with_link(WORLD, SANDBOX, "eth1", up=False), ASKER, neighbours=frozenset({known}))
    probe = Probe(ASKER, ip("172.18.0.2"), "tcp", 8000, 40000)
    at, cause = end(world, probe)
    assert (at, cause.why) == ("swarm-worker2", Why.LINK_DOWN)
    assert not any(hop.rule and hop.rule.table == "filter" for hop in hops(world, probe))


def test_a_frame_for_a_ports_own_mac_goes_up() -> None:
    mac = WORLD.states[WORKER2].links[PORT].mac
    assert mac is not None
    world = changed(WORLD, ASKER, neighbours=frozenset({Neighbour("eth1", ip("172.18.0.1"), mac)}))
    assert hops(world, TO_GATEWAY)[-1].verdict is Verdict.DELIVERED


def test_who_is_there_counts_before_what_a_tunnel_says() -> None:
    stale = FdbEntry("vxlan0", TASK_MAC, ip("192.168.56.12"))
    world = changed(WORLD, OVERLAY_THERE, fdb=WORLD.states[OVERLAY_THERE].fdb | {stale})
    sender = NamespaceRef("swarm-manager", "ingress_sbox")
    assert hops(world, Probe(sender, ip("10.255.0.5"), "icmp", None, 40000))[-1].at == TASK


def test_a_tunnel_that_is_down_answers_no_arp() -> None:
    world = with_link(WORLD, OVERLAY_THERE, "vxlan0", up=False)
    sender = NamespaceRef("swarm-manager", "ingress_sbox")
    at, cause = end(world, Probe(sender, ip("10.255.0.7"), "icmp", None, 40000))
    assert (at, cause.why) == (str(sender), Why.NO_NEIGHBOUR)


def test_a_socket_is_told_of_what_is_too_long_before_any_rule() -> None:
    world = ruled(WORLD, ASKER, "mangle", "-A OUTPUT -j MARK --set-xmark 0x1/0x1")
    stages = [hop.stage for hop in hops(world, Probe(ASKER, ip("10.0.2.7"), "udp", 9, 40000, length=1451))]
    assert stages == [Stage.SEND, Stage.STOP]


@pytest.mark.parametrize(("length", "verdict"), [(1404, Verdict.DELIVERED), (1405, Verdict.DROPPED)])
def test_the_other_end_of_a_cable_takes_a_vlan_tag_more_than_its_mtu(length: int, verdict: Verdict) -> None:
    one, other = NamespaceRef("one"), NamespaceRef("other")
    states = {
        at: NetState(
            links={"eth0": Link("eth0", Veth("eth0", there), f"02:00:00:00:00:0{number}", mtu)},
            addresses=(Address("eth0", IPv4Interface(f"10.0.0.{number}/24")),),
        )
        for number, at, there, mtu in ((1, one, other, 1500), (2, other, one, 1400))
    }
    way = hops(World(states), Probe(one, ip("10.0.0.2"), "udp", 9, 40000, length=length))
    assert way[-1].verdict is verdict
    assert way[1].interface == "eth0"


def test_a_ping_to_a_virtual_address_is_answered_where_it_is() -> None:
    (only,) = predict(WORLD, Probe(ASKER, ip("10.0.2.5"), "icmp", None, 40000))
    end_ = only.journey.request.hops[-1]
    assert (str(end_.at), end_.verdict, only.servers) == ("swarm-worker2/lb_cojus8blv", Verdict.DELIVERED, ())
    assert end_.packet.mark == 0x101


def test_where_no_rule_looks_a_tunnels_packet_goes_one_way() -> None:
    """Whether conntrack knows it from before shows in rules only."""
    probe = Probe(ASKER, ip("10.0.2.7"), "icmp", None, 40000)
    assert len(predict(WORLD, probe)) == 2
    bare = WORLD
    for at in (MANAGER, WORKER2):
        bare = changed(bare, at, rules=Ruleset())
    assert len(predict(bare, probe)) == 1


def test_the_end_of_an_answer_shows_it_as_it_was_last_seen() -> None:
    """Conntrack has given it the client's address by then, which shows nowhere."""
    sysctls = {**WORLD.states[SANDBOX].sysctls, "net.ipv4.ip_forward": "0"}
    probe = Probe(WORKER2, ip("127.0.0.1"), "tcp", 8000, 40000)
    reply = predict(changed(WORLD, SANDBOX, sysctls=sysctls), probe, reply=True)[0].journey.reply
    assert reply is not None
    *_, last, stop = reply.hops
    assert (stop.stage, stop.packet.destination) == (Stage.STOP, ip("10.255.0.4"))
    assert str(stop.packet) == str(last.packet)
