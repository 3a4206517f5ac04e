"""Every way into the mesh, to a task on the node that is asked, on another, on several, and to none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address

import pytest

from meshnet.path import Stage
from meshnet.pytest_plugin.lab import Lab, Node
from meshnet.pytest_plugin.traced import Traced, TraceIt

pytestmark = [pytest.mark.lab(folder="."), pytest.mark.xdist_group("forwarding")]

ONE, SEVERAL, NONE = 7101, 7103, 7100
HOME = "swarm-worker1"
"""Where the one task of the service ``one`` is."""


@dataclass(frozen=True, slots=True)
class Way:
    """``source`` asks at an address of ``entry``, the node whose sandbox balances."""

    source: str
    entry: str
    at: Callable[[Lab, Node], str]


def own(lab: Lab, node: Node) -> str:
    return str(node.address)


def loopback(lab: Lab, node: Node) -> str:
    return "127.0.0.1"


def gwbridge(lab: Lab, node: Node) -> str:
    return node.run("ip -4 -o addr show docker_gwbridge").check().text.split()[3].partition("/")[0]


NODES = ("swarm-manager", "swarm-worker1", "swarm-worker2")
WAYS = {
    **{f"client to {node}": Way("client", node, own) for node in NODES},
    **{f"{node} to 127.0.0.1": Way(node, node, loopback) for node in NODES},
    **{f"{node} to its own address": Way(node, node, own) for node in NODES},
    **{f"{node} to its gwbridge": Way(node, node, gwbridge) for node in NODES},
    "a node to another": Way("swarm-worker2", "swarm-manager", own),
    "a container to its node's gwbridge": Way("asker.1", "swarm-worker2", gwbridge),
    "a container to its node": Way("asker.1", "swarm-worker2", own),
    "a container to another node": Way("asker.1", "swarm-worker1", own),
    "the task to itself": Way("one.1", "swarm-worker1", gwbridge),
}
PROTOCOLS = ("tcp", "udp")


def ingress_address(lab: Lab, node: str) -> IPv4Address:
    """The address of a node's sandbox on the ingress network."""
    sandbox = "nsenter --net=/var/run/docker/netns/ingress_sbox ip -4 -o addr show eth0"
    return IPv4Address(lab.node(node).run(sandbox).check().text.split()[3].partition("/")[0])


@pytest.mark.parametrize("name", WAYS)
def test_by_every_way_in_one_task_is_reached_several_take_turns_and_none_is_told(
    lab: Lab, trace: TraceIt, name: str
) -> None:
    way = WAYS[name]
    address = way.at(lab, lab.node(way.entry))
    source, mark = ingress_address(lab, way.entry), 0x100 + marks(lab, "one")
    for proto in PROTOCOLS:
        to_one = trace(way.source, address, ONE, proto=proto)
        assert to_one.reaches("one.1")
        assert to_one.answered
        assert to_one.passes(f"{way.entry}/ingress_sbox", mark=mark, ipvs=True, snat=True)
        assert to_one.predicted_as_observed
        assert source_seen(to_one) == source
        assert carried(to_one) == (set() if way.entry == HOME else {4096})
        assert goes_back_as_it_came(to_one)
        turns = [trace(way.source, address, SEVERAL, proto=proto) for _ in range(3)]
        for turn in turns:
            assert turn.reaches("several")
            assert turn.answered
            assert turn.predicted_as_observed
        assert len({turn.request.hops[-1].at for turn in turns}) == 3
        to_none = trace(way.source, address, NONE, proto=proto)
        assert not to_none.delivered
        assert to_none.request.namespaces[-1] in (f"{way.entry}/ingress_sbox", way.entry)
        assert to_none.predicted_as_observed


def marks(lab: Lab, service: str) -> int:
    """Marks are given in the order in which services with ingress ports came, from 0x100 on."""
    return [each["name"] for each in lab.status["services"] if each["ports"]].index(service)


def source_seen(traced: Traced) -> IPv4Address:
    return traced.request.hops[-1].packet.source


def carried(traced: Traced) -> set[int]:
    """The VXLAN network numbers it was carried with."""
    return {hop.packet.vni for hop in traced.request.hops if hop.packet.vni is not None}


def goes_back_as_it_came(traced: Traced) -> bool:
    """Whether the answer comes through the same interfaces the other way round."""
    there, back = (
        [(hop.at, hop.interface) for hop in way.hops if hop.stage in (Stage.IN, Stage.OUT)]
        for way in (traced.request, traced.reply)
    )
    return {frozenset(there)} == {frozenset(back)}
