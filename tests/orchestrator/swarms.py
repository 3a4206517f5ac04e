"""Swarms for the tests of the orchestrator."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import reduce
from ipaddress import IPv4Interface, IPv4Network
from typing import Any

from meshnet.model import (
    Availability,
    ClusterState,
    Generation,
    NetworkSpec,
    NodeRole,
    PortConfig,
    Protocol,
    PublishMode,
    ServiceSpec,
    Story,
    Task,
)
from meshnet.model.lab import Machine
from meshnet.orchestrator import Command, CreateNetwork, CreateService, form, settled, step

UNDERLAY = IPv4Network("192.168.56.0/24")
MANAGER, WORKER1, WORKER2 = "swarm-manager", "swarm-worker1", "swarm-worker2"


def machine(name: str, host: int, generation: str = "20.10", **more: Any) -> Machine:
    role = NodeRole.MANAGER if "manager" in name else NodeRole.WORKER
    return Machine(name, role, IPv4Interface((UNDERLAY[host], 24)), Generation(generation), **more)


def swarm(generation: str = "20.10", *, seed: str = "test", story: Story | None = None) -> ClusterState:
    """The reference's three machines."""
    machines = [machine(name, 10 + place, generation) for place, name in enumerate((MANAGER, WORKER1, WORKER2))]
    return form(seed, machines, reserved=[UNDERLAY], story=story)


def run(state: ClusterState, *commands: Command) -> ClusterState:
    """Every command carried out, and its consequences over, before the next."""
    return reduce(lambda before, command: settled(step(before, command)), commands, state)


def publish(target: int, published: int = 0, protocol: str = "tcp", mode: str = "ingress") -> PortConfig:
    return PortConfig(target, published, Protocol(protocol), PublishMode(mode))


def network(name: str, subnet: str | None = None, **more: Any) -> CreateNetwork:
    given = None if subnet is None else IPv4Network(subnet)
    return CreateNetwork(NetworkSpec(name, given, **more))


def service(name: str, replicas: int = 1, *, networks: Iterable[str] = (), **more: Any) -> CreateService:
    return CreateService(ServiceSpec(name, "busybox", replicas=replicas, networks=tuple(networks), **more))


def unavailable(state: ClusterState, *names: str) -> ClusterState:
    """The swarm with these nodes paused: their tasks are left on them."""
    nodes = {
        id: replace(node, availability=Availability.PAUSE if node.name in names else node.availability)
        for id, node in state.nodes.items()
    }
    return replace(state, nodes=nodes)


def task(state: ClusterState, name: str, slot: int = 1) -> Task:
    """The task that is to run there."""
    return next(task for task in state.tasks.values() if task.wanted and (task.service_name, task.slot) == (name, slot))


def address(state: ClusterState, name: str, slot: int, on: str) -> str:
    """A task's address on a network."""
    where = state.network_named(on)
    assert where is not None
    found = task(state, name, slot).address_on(where.id)
    assert found is not None, f"{name}.{slot} is not on {on}"
    return str(found)


def vip(state: ClusterState, name: str, on: str) -> str:
    where, of = state.network_named(on), state.service_named(name)
    assert where is not None and of is not None
    return str(of.vips[where.id])


def balancer(state: ClusterState, node: str, on: str) -> str | None:
    """The address of a node's balancer on a network, or None where it takes no part in it."""
    where, of = state.network_named(on), state.node_named(node)
    assert where is not None and of is not None
    found = of.attachments.get(where.id)
    return None if found is None else str(found)


def mark(state: ClusterState, node: str, name: str, on: str) -> int | None:
    where, at, of = state.network_named(on), state.node_named(node), state.service_named(name)
    assert where is not None and at is not None and of is not None
    return at.engine.marks.get((of.id, where.id))


def gateway(state: ClusterState, node: str, name: str, slot: int) -> str | None:
    at = state.node_named(node)
    assert at is not None
    found = at.engine.gateways.get(task(state, name, slot).container)
    return None if found is None else str(found)


def placement(state: ClusterState, name: str) -> dict[int, str | None]:
    """Slot to node name, of the tasks that are to run."""
    return {
        task.slot: state.nodes[task.node].name if task.node else None
        for task in state.tasks.values()
        if task.service_name == name and task.wanted
    }
