"""Machines in a swarm, outside it, and the records of those that left."""

from __future__ import annotations

from dataclasses import replace

import pytest

from meshnet.mesh import proxies, render
from meshnet.model import Generation, Membership, Node, NodeId, NodeStatus, PortConfig
from meshnet.netstate import NamespaceRef
from tests.mesh.swarms import Swarm


@pytest.fixture
def swarm() -> Swarm:
    """Two nodes with a task of a published service on each."""
    swarm = Swarm()
    swarm.network("ingress", "10.0.0.0/24")
    service = swarm.service("web", ports=(PortConfig(80, 8000),))
    for node in (swarm.node(Generation.G20_10), swarm.node(Generation.G20_10)):
        swarm.task(service, node)
    return swarm


def outside(node: Node, *, once_in_a_swarm: bool) -> Node:
    """The machine of ``node`` as it goes on without the swarm."""
    engine = replace(
        node.engine,
        gateways={},
        marks={},
        joins={},
        balanced=frozenset(),
        gwbridge_made=once_in_a_swarm,
        published=once_in_a_swarm,
    )
    return replace(node, id=NodeId("outside"), engine=engine, attachments={}, membership=Membership.OUTSIDE)


def leave(swarm: Swarm, node: Node) -> None:
    """Its record stays, with all it had, and the machine goes on as another."""
    left = replace(node, membership=Membership.LEFT, status=NodeStatus.DOWN)
    gone = outside(node, once_in_a_swarm=True)
    swarm.state = replace(swarm.state, nodes={**swarm.state.nodes, node.id: left, gone.id: gone})


def test_machine_that_never_was_in_a_swarm_has_docker0_alone(swarm: Swarm) -> None:
    node = outside(swarm.node(Generation.G20_10), once_in_a_swarm=False)
    states = render(replace(swarm.state, nodes={node.id: node}, tasks={}))
    assert list(states) == [NamespaceRef("node3")]
    host = states[NamespaceRef("node3")]
    assert list(host.links) == ["docker0"]
    assert "docker_gwbridge" not in str(host.rules)
    assert not any(name.startswith("net.ipv4.vs.") for name in host.sysctls)


def test_machine_that_left_keeps_its_bridges_and_what_docker_leaves_behind(swarm: Swarm) -> None:
    _, node = swarm.state.nodes.values()
    before = render(swarm.state)[NamespaceRef("node2")]
    leave(swarm, node)
    states = render(swarm.state)
    assert [ref for ref in states if ref.node == "node2"] == [NamespaceRef("node2")]
    host = states[NamespaceRef("node2")]
    assert dict(host.links) == {name: before.links[name] for name in ("docker0", "docker_gwbridge")}
    assert [str(rule) for rule in host.rules.chain("nat", "DOCKER-INGRESS").rules] == ["-j RETURN"]
    assert host.sysctls == before.sysctls


def test_node_that_left_is_forgotten_by_the_others(swarm: Swarm) -> None:
    stays, node = swarm.state.nodes.values()
    leave(swarm, node)
    states = render(swarm.state)
    ours = {str(task.attachments[0].address.ip) for task in swarm.state.tasks.values() if task.node == stays.id}
    sandbox = states[NamespaceRef("node1", "ingress_sbox")]
    (service,) = sandbox.ipvs.values()
    assert {str(end.address) for end in service.destinations} == ours
    assert not any(state.fdb or state.neighbours for state in states.values())


def test_machine_that_left_publishes_nothing(swarm: Swarm) -> None:
    _, node = swarm.state.nodes.values()
    assert proxies(swarm.state, "node2")
    leave(swarm, node)
    assert proxies(swarm.state, "node2") == frozenset()
    assert proxies(swarm.state, "node1")


def test_machine_joins_anew_beside_the_record_of_its_first_time(swarm: Swarm) -> None:
    _, node = swarm.state.nodes.values()
    left = replace(node, membership=Membership.LEFT, status=NodeStatus.DOWN)
    again = replace(node, id=NodeId("again"))
    swarm.state = replace(swarm.state, nodes={**swarm.state.nodes, left.id: left, again.id: again})
    states = render(swarm.state)
    assert NamespaceRef("node2", "ingress_sbox") in states
    overlay = next(ref for ref in states if ref.node == "node1" and ref.file.startswith("1-"))
    assert {str(entry.address) for entry in states[overlay].neighbours} == {
        str(address.ip) for address in again.attachments.values()
    }
