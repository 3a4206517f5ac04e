"""A lab on paper is whole: a packet finds its way in it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from meshnet.lab.on_paper import paper_world
from meshnet.labfolder import Overrides, load_lab
from meshnet.netstate import NamespaceRef, Veth
from meshnet.netstate.world import World
from meshnet.path import Probe
from meshnet.predict import predict

CLIENT = NamespaceRef("client")
LABS = [("article", None), ("three-nodes", None), ("three-nodes", "twosite")]


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


def test_a_machine_keeps_the_routes_of_the_topology() -> None:
    routes = world("three-nodes", "leafspine").states[NamespaceRef("swarm-manager")].routes
    assert [(str(route.destination), str(route.via)) for route in routes] == [("0.0.0.0/0", "192.168.56.1")]


def test_without_ipvs_nothing_is_balanced() -> None:
    states = paper_world(load_lab(Path("three-nodes"), Overrides()), without_ipvs=True).states
    assert not any(state.ipvs for state in states.values())
    assert any(state.ipvs for state in world("three-nodes", None).states.values())
