"""The rules of the article's cluster: each is known, and a request meets those it should in node, sandbox and task."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from ipaddress import IPv4Address, IPv4Interface

import pytest

from meshnet.mesh.render import render
from meshnet.netstate import NamespaceRef, NetState, Rule
from meshnet.path import Hook, Packet
from meshnet.predict.netfilter import Flow, Netfilter, Passage
from meshnet.predict.netfilter.connections import Connections
from meshnet.predict.netfilter.reading import read
from meshnet.predict.netfilter.situation import Situation
from meshnet.predict.netfilter.targets import Untaught
from tests.mesh.article import CLUSTERS, article
from tests.predict.netfilter.by_hand import NODE, Host, matched, packet

WORKER1 = NamespaceRef("swarm-worker1")
SANDBOX = NamespaceRef("swarm-worker1", "ingress_sbox")
ASKED = packet("tcp 192.168.56.1:40000 > 192.168.56.11:8000 S")
TASK_ADDRESS = "10.255.0.7"


@cache
def rendered(cluster: str) -> dict[NamespaceRef, NetState]:
    return render(article(*CLUSTERS[cluster]))


def walker_of(ref: NamespaceRef, state: NetState, **more: str) -> Netfilter:
    addresses: dict[str, tuple[IPv4Interface, ...]] = dict(Host.of(**more).addresses)
    for address in state.addresses:
        addresses[address.link] = (*addresses.get(address.link, ()), address.interface)
    return Netfilter(ref, state.rules, Host(addresses))


def rules_of(cluster: str) -> set[Rule]:
    return {
        rule
        for state in rendered(cluster).values()
        for table in state.rules.tables.values()
        for chain in table.chains.values()
        for rule in chain.rules
    }


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_every_rule_that_is_rendered_is_known(cluster: str) -> None:
    for each in (ASKED, packet("udp 10.0.0.1:1 > 10.0.0.2:4789"), packet("icmp 10.0.0.1:1 > 10.0.0.2 echo-request")):
        situation = Situation(Passage(Hook.FORWARD, each), NODE, Connections(), each, None, None)
        for rule in rules_of(cluster):
            known = read(rule)
            assert not isinstance(known.target, Untaught), rule
            for condition in known.conditions:
                condition(situation)


class Leg:
    """A packet in one namespace, hook by hook; ``met`` are the rules that matched."""

    def __init__(self, walker: Netfilter, first: Packet, flow: Flow | None = None) -> None:
        self.walker, self.packet, self.flow, self.met = walker, first, flow, list[str]()

    def through(self, hook: Hook, came: str = "", goes: str = "", balanced: bool = False, finish: bool = False) -> None:
        passage = Passage(hook, self.packet, self.flow, came, goes, balanced=balanced)
        outcome = (self.walker.finish if finish else self.walker.traverse)(passage)
        assert outcome.accepted, outcome.hops
        self.packet, self.flow = outcome.packet, outcome.flow
        self.met += matched(outcome.hops)


def test_a_request_is_sent_into_the_sandbox_by_the_node_it_asked() -> None:
    walker = walker_of(WORKER1, rendered("article")[WORKER1], eth0="192.168.56.11/24")
    leg = Leg(walker, ASKED)
    leg.through(Hook.PREROUTING, "eth0")
    leg.through(Hook.FORWARD, "eth0", "docker_gwbridge")
    leg.through(Hook.POSTROUTING, goes="docker_gwbridge")
    assert str(leg.packet) == "tcp 192.168.56.1:40000 > 172.19.0.2:8000 S"
    assert leg.met == [
        "nat PREROUTING 1",
        "nat DOCKER-INGRESS 1",
        "filter FORWARD 1",
        "filter DOCKER-USER 1",
        "filter FORWARD 2",
        "filter DOCKER-INGRESS 1",
    ]
    answer = Leg(walker, packet("tcp 172.19.0.2:8000 > 192.168.56.1:40000 SA"))
    answer.through(Hook.PREROUTING, "docker_gwbridge")
    answer.through(Hook.FORWARD, "docker_gwbridge", "eth0")
    answer.through(Hook.POSTROUTING, goes="eth0")
    assert answer.packet.is_answered_by(ASKED)
    assert answer.met[-1] == "filter DOCKER-INGRESS 2"


def test_a_nodes_own_request_leaves_by_the_gateway_bridges_address() -> None:
    walker = walker_of(WORKER1, rendered("article")[WORKER1], eth0="192.168.56.11/24")
    leg = Leg(walker, packet("tcp 127.0.0.1:40000 > 127.0.0.1:8000 S"))
    leg.through(Hook.OUTPUT, goes="lo")
    leg.through(Hook.OUTPUT, goes="lo", finish=True)
    leg.through(Hook.POSTROUTING, goes="docker_gwbridge")
    assert str(leg.packet) == "tcp 172.19.0.1:40000 > 172.19.0.2:8000 S"


def test_the_sandbox_marks_a_request_and_gives_it_its_own_source_once_balanced() -> None:
    walker = walker_of(SANDBOX, rendered("article")[SANDBOX])
    leg = Leg(walker, packet("tcp 192.168.56.1:40000 > 172.19.0.2:8000 S"))
    leg.through(Hook.PREROUTING, "eth1")
    leg.through(Hook.INPUT, "eth1")
    assert leg.packet.mark == 0x100
    assert leg.flow is not None
    walker.redirect(leg.flow, IPv4Address(TASK_ADDRESS), 8000)
    leg.packet = replace(leg.packet, destination=IPv4Address(TASK_ADDRESS))
    leg.through(Hook.OUTPUT, goes="eth0", balanced=True)
    leg.through(Hook.OUTPUT, goes="eth0", balanced=True, finish=True)
    leg.through(Hook.POSTROUTING, goes="eth0", balanced=True)
    assert str(leg.packet) == f"tcp 10.255.0.3:40000 > {TASK_ADDRESS}:8000 S"
    assert [place.rpartition(" ")[0] for place in leg.met] == ["mangle PREROUTING", "nat POSTROUTING"]


def test_the_task_takes_what_is_published_and_its_answer_comes_from_the_published_port() -> None:
    ref = next(ref for ref, state in rendered("article").items() if TASK_ADDRESS in _addresses(state))
    walker = walker_of(ref, rendered("article")[ref])
    asked = packet(f"tcp 10.255.0.3:40000 > {TASK_ADDRESS}:8000 S")
    leg = Leg(walker, asked)
    leg.through(Hook.PREROUTING, "eth0")
    leg.through(Hook.INPUT, "eth0")
    leg.through(Hook.INPUT, "eth0", finish=True)
    assert leg.met == ["nat PREROUTING 1", "filter INPUT 1"]
    answer = Leg(walker, packet(f"tcp {TASK_ADDRESS}:8000 > 10.255.0.3:40000 SA"))
    answer.through(Hook.OUTPUT, goes="eth0")
    answer.through(Hook.OUTPUT, goes="eth0", finish=True)
    answer.through(Hook.POSTROUTING, goes="eth0")
    assert answer.met == ["filter OUTPUT 1"]
    assert answer.packet.is_answered_by(asked)


def _addresses(state: NetState) -> set[str]:
    return {str(address.interface.ip) for address in state.addresses}
