"""Machines without a swarm, and what is asked of them, for the tests of the orchestrator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from meshnet.errors import Refusal, RefusedError
from meshnet.model import Container, ContainerId, ContainerSpec, NetworkSpec, Node, NodeRole
from meshnet.model.cluster import ClusterState
from meshnet.orchestrator import form, step
from meshnet.orchestrator.commands import (
    Command,
    ContainerStarted,
    CreateBridge,
    CreateContainer,
    InitSwarm,
    JoinSwarm,
    StartContainer,
    UpdateNode,
)
from meshnet.orchestrator.forming import gather
from tests.orchestrator.swarms import MANAGER, UNDERLAY, WORKER1, WORKER2, machine, run

MACHINES = [machine(name, 10 + place) for place, name in enumerate((MANAGER, WORKER1, WORKER2))]


def alone() -> ClusterState:
    """The reference's three machines, none in a swarm."""
    return gather("test", MACHINES, reserved=[UNDERLAY])


def managed_by(count: int) -> ClusterState:
    """A swarm of so many managers, ``manager1`` the first, and a worker."""
    managers = [machine(f"manager{number}", 20 + number) for number in range(1, count + 1)]
    return form("test", [*managers, machine(WORKER1, 11)], reserved=[UNDERLAY])


def initialised(name: str = MANAGER, **more: Any) -> ClusterState:
    return step(alone(), InitSwarm(name, **more))


def token(state: ClusterState, role: NodeRole = NodeRole.WORKER) -> str:
    assert state.swarm is not None
    return state.swarm.manager_token if role is NodeRole.MANAGER else state.swarm.worker_token


def join(state: ClusterState, name: str, role: NodeRole = NodeRole.WORKER) -> ClusterState:
    return step(state, JoinSwarm(name, token(state, role)))


def node(state: ClusterState, name: str) -> Node:
    found = state.node_named(name)
    assert found is not None
    return found


def changed(state: ClusterState, name: str, **more: Any) -> UpdateNode:
    """The command that changes only so much of a node."""
    now = node(state, name)
    fields = {"role": now.role, "availability": now.availability, "labels": now.labels}
    return UpdateNode(now.id, **{**fields, **more})


def bridge(name: str, *, on: str = MANAGER, **more: Any) -> CreateBridge:
    return CreateBridge(on, NetworkSpec(name, **more))


def created(state: ClusterState, name: str = "box", *, on: str = MANAGER, **more: Any) -> ClusterState:
    return step(state, CreateContainer(on, ContainerSpec(name, "busybox", **more)))


def running(state: ClusterState, name: str = "box", *, on: str = MANAGER, now: int = 0, **more: Any) -> ClusterState:
    """The state once a new container runs, started at ``now``."""
    state = created(state, name, on=on, **more)
    id = container(state, name, on=on).id
    return step(step(state, StartContainer(id), now), ContainerStarted(id, pid=7), now)


def container(state: ClusterState, name: str = "box", *, on: str = MANAGER) -> Container:
    return next(each for each in state.containers.values() if (each.name, state.nodes[each.node].name) == (name, on))


def for_container(ask: Callable[[ContainerId], Command], state: ClusterState, name: str = "box") -> ClusterState:
    return step(state, ask(container(state, name).id))


def refusal(state: ClusterState, *commands: Command) -> tuple[Refusal, str]:
    """The kind and the words in which the last of ``commands`` is refused."""
    state = run(state, *commands[:-1])
    try:
        step(state, commands[-1])
    except RefusedError as error:
        return error.kind, str(error)
    raise AssertionError(f"{commands[-1]} was not refused")
