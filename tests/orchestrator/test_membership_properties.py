"""What holds whoever joins and leaves, and whatever containers there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from meshnet.errors import AllocationError, InputError
from meshnet.model import ClusterState, ContainerId, ContainerSpec, Membership, NodeRole
from meshnet.model.node import INGRESS_SBOX
from meshnet.orchestrator import RemoveNetwork, step
from meshnet.orchestrator.commands import (
    Command,
    ConnectNetwork,
    ContainerExited,
    ContainerStarted,
    CreateContainer,
    DisconnectNetwork,
    InitSwarm,
    JoinSwarm,
    LeaveSwarm,
    RemoveBridge,
    RemoveNode,
    StartContainer,
    StopContainer,
)
from tests.orchestrator.machines import alone, bridge, join, running, token
from tests.orchestrator.swarms import MANAGER, WORKER1, WORKER2, network, run

SUBNETS = {"small": "10.9.0.0/29", "wide": None}


@dataclass(frozen=True, slots=True)
class Drawn:
    """What an action may be about."""

    machine: str
    overlay: str
    network: str
    choice: int
    role: NodeRole

    def container(self, state: ClusterState) -> ContainerId:
        there = list(state.containers)
        return there[self.choice % len(there)] if there else ContainerId("none")


Action = Callable[[ClusterState, Drawn], Command]

ACTIONS: tuple[Action, ...] = (
    lambda state, drawn: InitSwarm(drawn.machine),
    lambda state, drawn: JoinSwarm(drawn.machine, token(state, drawn.role) if state.swarm else "none"),
    lambda state, drawn: LeaveSwarm(drawn.machine, force=True),
    lambda state, drawn: RemoveNode(drawn.machine, force=True),
    lambda state, drawn: network(drawn.overlay, SUBNETS[drawn.overlay], attachable=True),
    lambda state, drawn: RemoveNetwork(drawn.overlay),
    lambda state, drawn: bridge("own", on=drawn.machine),
    lambda state, drawn: RemoveBridge(drawn.machine, "own"),
    lambda state, drawn: CreateContainer(drawn.machine, ContainerSpec("", "busybox", networks=(drawn.network,))),
    lambda state, drawn: CreateContainer(drawn.machine, ContainerSpec("", "busybox", networks=(drawn.overlay,))),
    lambda state, drawn: StartContainer(list(state.containers)[-1] if state.containers else ContainerId("none")),
    lambda state, drawn: StartContainer(drawn.container(state)),
    lambda state, drawn: StopContainer(drawn.container(state)),
    lambda state, drawn: ContainerStarted(drawn.container(state)),
    lambda state, drawn: ContainerExited(drawn.container(state)),
    lambda state, drawn: ConnectNetwork(drawn.container(state), drawn.network),
    lambda state, drawn: DisconnectNetwork(drawn.container(state), drawn.network),
)

machines = st.sampled_from((MANAGER, WORKER1, WORKER2))
overlays = st.sampled_from(tuple(SUBNETS))
networks = st.sampled_from(("small", "wide", "own", "bridge"))
drawn = st.builds(Drawn, machines, overlays, networks, st.integers(0, 9), st.sampled_from(NodeRole))
actions = st.lists(st.tuples(st.sampled_from(ACTIONS), drawn), min_size=10, max_size=40)

BEGINNING: tuple[Command, ...] = (
    InitSwarm(MANAGER),
    *(network(name, subnet, attachable=True) for name, subnet in SUBNETS.items()),
    bridge("own"),
)


def beginning() -> ClusterState:
    """A manager and a worker, each with a container on an overlay network."""
    state = join(run(alone(), *BEGINNING), WORKER1)
    return running(running(state, networks=("small", "own")), on=WORKER1, networks=("wide",))


@settings(max_examples=60, deadline=None)
@given(actions)
def test_everyone_has_what_is_theirs_and_nobody_else_has_it(asked: list[tuple[Action, Drawn]]) -> None:
    state = beginning()
    for action, about in asked:
        try:
            state = step(state, action(state, about))
        except (InputError, AllocationError):
            continue
        check_machines(state)
        check_overlays(state)
        check_containers(state)


def check_machines(state: ClusterState) -> None:
    running = [node for node in state.nodes.values() if node.membership is not Membership.LEFT]
    assert sorted(node.name for node in running) == sorted((MANAGER, WORKER1, WORKER2))
    assert any(node.manages for node in running) == (state.swarm is not None)
    for node in state.nodes.values():
        meshed = node.member and state.ingress is not None
        assert (INGRESS_SBOX in node.engine.gateways) is meshed
        assert node.member or not node.attachments
        given = list(node.engine.gateways.values())
        assert len(set(given)) == len(given)
    assert state.swarm is not None or not state.networks


def check_overlays(state: ClusterState) -> None:
    for where in state.networks.values():
        held = [node.attachments[where.id].ip for node in state.nodes.values() if where.id in node.attachments]
        legs = [leg for each in state.containers.values() for leg in each.attachments if leg.network == where.id]
        held += [leg.address.ip for leg in legs]
        assert Counter([*held, where.gateway]) == Counter(state.counters.taken[where.id])


def check_containers(state: ClusterState) -> None:
    given: Counter[object] = Counter()
    for container in state.containers.values():
        node = state.nodes[container.node]
        assert node.membership is not Membership.LEFT
        assert container.placed or not (container.attachments or container.bridges or container.ports)
        assert {leg.network for leg in container.attachments} <= set(node.attachments)
        assert all(state.bridges[bridge].node == node.id for bridge in container.bridges)
        assert (container.id in node.engine.gateways) <= container.placed
        given.update(container.bridges.items())
    assert set(given.values()) <= {1}
