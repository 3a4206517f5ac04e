"""A lab on paper is whole: a packet finds its way in it."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from meshnet.lab.on_paper import paper_world
from meshnet.labfolder import Overrides, load_lab
from meshnet.netstate import NamespaceRef, Veth
from meshnet.netstate.world import World
from meshnet.path import Hop, Journey, Probe
from meshnet.predict import predict

CLIENT = NamespaceRef("client")
LABS = [("article", None), ("three-nodes", None), ("three-nodes", "twosite"), ("three-nodes", "leafspine")]


@cache
def world(example: str, topology: str | None) -> World:
    return paper_world(load_lab(Path(example), Overrides(topology=topology)))


@pytest.mark.parametrize(("example", "topology"), LABS)
class TestEveryLab:
    def test_has_no_loose_end_and_nothing_foreign(self, example: str, topology: str | None) -> None:
        states = world(example, topology).states
        for at, state in states.items():
            assert not state.foreign
            for link in state.links.values():
                assert link.mac
                if isinstance(link.kind, Veth):
                    assert link.kind.peer_namespace is not None
                    assert link.kind.peer is not None
                    assert states[link.kind.peer_namespace].links[link.kind.peer].kind == Veth(link.name, at)

    def test_is_the_same_each_time(self, example: str, topology: str | None) -> None:
        again = paper_world(load_lab(Path(example), Overrides(topology=topology)))
        assert again == world(example, topology)

    def test_answers_a_client_by_every_task(self, example: str, topology: str | None) -> None:
        there = world(example, topology)
        (address,) = there.states[NamespaceRef("swarm-worker1")].addresses[:1]
        probe = Probe(CLIENT, address.interface.ip, "tcp", 8000, 40000)
        predictions = predict(there, probe, reply=True)
        assert len(predictions) > 1
        assert all(each.journey.reply and each.journey.reply.hops[-1].at == CLIENT for each in predictions)


class TestEqualCostPaths:
    """Two leaves, two spines: what crosses the fabric takes either spine, there and back."""

    PROBE = Probe(NamespaceRef("swarm-worker1"), IPv4Address("192.168.56.10"), "icmp", None, 40000)

    def test_all_are_ways_that_a_packet_may_go(self) -> None:
        ways = predict(world("three-nodes", "leafspine"), self.PROBE, reply=True)
        spines = [[hop.at.node for hop in hops(each.journey) if hop.at.node.startswith("spine")] for each in ways]
        assert sorted({tuple(dict.fromkeys(each)) for each in spines}) == [
            ("spine1",),
            ("spine1", "spine2"),
            ("spine2",),
            ("spine2", "spine1"),
        ]

    def test_one_can_stand_for_all(self) -> None:
        ways = predict(world("three-nodes", "leafspine"), self.PROBE, reply=True)
        (one,) = predict(world("three-nodes", "leafspine"), self.PROBE, reply=True, hashed=True)
        assert one in ways

    def test_not_all_flows_take_the_same(self) -> None:
        taken = set()
        for number in range(8):
            probe = Probe(CLIENT, IPv4Address(f"192.168.56.{100 + number}"), "udp", 9, 40000)
            (one,) = predict(world("three-nodes", "leafspine"), probe, hashed=True)
            taken |= {hop.at.node for hop in hops(one.journey)} & {"spine1", "spine2"}
        assert taken == {"spine1", "spine2"}

    def test_a_cable_that_is_down_is_none(self) -> None:
        there = world("three-nodes", "leafspine")
        leaf = NamespaceRef("leaf2")
        state = there.states[leaf]
        (route,) = (each for each in state.routes if each.hops)
        down = replace(state.links[route.hops[0].link], up=False)
        links = {**state.links, down.name: down}
        without = World({**there.states, leaf: replace(state, links=links)})
        ways = predict(without, self.PROBE)
        passed = {hop.interface for each in ways for hop in hops(each.journey) if hop.at == leaf}
        assert passed == {"eth0", route.hops[1].link}


def hops(journey: Journey) -> tuple[Hop, ...]:
    return journey.request.hops + (journey.reply.hops if journey.reply else ())


def test_a_machine_keeps_the_routes_of_the_topology() -> None:
    routes = world("three-nodes", "leafspine").states[NamespaceRef("swarm-manager")].routes
    assert [(str(route.destination), str(route.via)) for route in routes] == [("0.0.0.0/0", "192.168.56.1")]


def test_without_ipvs_nothing_is_balanced() -> None:
    states = paper_world(load_lab(Path("three-nodes"), Overrides()), without_ipvs=True).states
    assert not any(state.ipvs for state in states.values())
    assert any(state.ipvs for state in world("three-nodes", None).states.values())
