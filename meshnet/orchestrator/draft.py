"""A swarm while one command changes it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from ipaddress import IPv4Address
from typing import TypeVar

from meshnet.model import (
    ClusterState,
    Container,
    ContainerId,
    Event,
    Meta,
    Network,
    NetworkId,
    Node,
    NodeId,
    Service,
    Stored,
    Swarm,
    Task,
    TaskState,
)
from meshnet.model.ids import container_id, swarm_id

LATEST_EVENTS = 256
"""How many events a state keeps."""

Resident = Task | Container
"""Whatever has a network namespace on a node."""

Key = TypeVar("Key")
Kept = TypeVar("Kept", Node, Network, Service, Task, Stored, Swarm)


class Draft:
    """The tables of a ``ClusterState``, open for changes at the instant ``now`` (nanoseconds). Dropped if the command
    fails: the state it began from is as it was."""

    def __init__(self, state: ClusterState, now: int = 0) -> None:
        counters = state.counters
        self._before = state
        self.now = now
        self._serial = counters.serial
        self.story = state.story
        self.nodes = dict(state.nodes)
        self.networks = dict(state.networks)
        self.services = dict(state.services)
        self.tasks = dict(state.tasks)
        self.stored = dict(state.stored)
        self.containers = dict(state.containers)
        self.bridges = dict(state.bridges)
        self.swarm = state.swarm
        self.next_vni = counters.next_vni
        self.last_subnet = counters.last_subnet
        self.last_port = dict(counters.last_port)
        self.last_address = dict(counters.last_address)
        self.taken: dict[NetworkId, set[IPv4Address]] = {key: set(taken) for key, taken in counters.taken.items()}
        self.balancers: dict[NetworkId, Mapping[NodeId, IPv4Address]] = dict(counters.balancers)
        self.reserved_subnets = counters.reserved_subnets

    def done(self, reason: str) -> ClusterState:
        """The state it has become, one version on; ``reason`` says why. What changed carries its version."""
        before = self._before
        counters = replace(
            before.counters,
            serial=self._serial,
            next_vni=self.next_vni,
            last_subnet=self.last_subnet,
            last_port=self.last_port,
            last_address=self.last_address,
            taken={network: frozenset(taken) for network, taken in self.taken.items()},
            balancers=self.balancers,
        )
        return ClusterState(
            counters=counters,
            version=self.version,
            nodes=self._stamped(before.nodes, self.nodes),
            networks=self._stamped(before.networks, self.networks),
            services=self._stamped(before.services, self.services),
            tasks=self._stamped(before.tasks, self.tasks),
            stored=self._stamped(before.stored, self.stored),
            containers=self.containers,
            bridges=self.bridges,
            swarm=None if self.swarm is None else self._stamp(before.swarm, self.swarm),
            events=(*before.events, Event(self.version, reason, self.now))[-LATEST_EVENTS:],
            story=self.story,
        )

    def _stamped(self, before: Mapping[Key, Kept], after: Mapping[Key, Kept]) -> dict[Key, Kept]:
        return {key: self._stamp(before.get(key), each) for key, each in after.items()}

    def _stamp(self, before: Kept | None, after: Kept) -> Kept:
        if before is not None and (before is after or before == _as_managers_see(before, after)):
            return after
        created = self.now if before is None else before.meta.created
        return replace(after, meta=Meta(self.version, created, self.now))

    @property
    def version(self) -> int:
        """The version of the state it becomes."""
        return self._before.version + 1

    def new_swarm_id(self, start: str = "") -> str:
        """An id of 25 base-36 characters that begins with ``start``."""
        self._serial += 1
        return start + swarm_id(self._before.counters.seed, self._serial)[len(start) :]

    def new_container_id(self, start: str = "", kind: str = "container") -> ContainerId:
        """An id of 64 hexadecimal digits that begins with ``start``."""
        self._serial += 1
        return ContainerId(start + container_id(self._before.counters.seed, self._serial, kind)[len(start) :])

    @property
    def leader(self) -> Node:
        return next(node for node in self.nodes.values() if node.manages)

    @property
    def ingress(self) -> Network | None:
        there = self.networks.values()
        return next((network for network in there if network.ingress and not network.going), None)

    def network_named(self, name: str) -> Network | None:
        there = self.networks.values()
        return next((network for network in there if network.name == name and not network.going), None)

    def service_named(self, name: str) -> Service | None:
        return next((service for service in self.services.values() if service.spec.name == name), None)

    def tasks_of(self, service: Service) -> Iterator[Task]:
        """Its tasks, in the order they were made."""
        return (task for task in self.tasks.values() if task.service == service.id)

    def is_up(self, node: NodeId | None) -> bool:
        """Whether there is such a node, it is in the swarm and the managers hear of it."""
        return node is not None and node in self.nodes and self.nodes[node].up

    def tasks_on(self, node: NodeId) -> Iterator[Task]:
        """The tasks that hold their place in a node's kernel, in the order they were made; a node that is down or has
        left has none."""
        return (task for task in self.tasks.values() if task.node == node and task.placed and self.nodes[node].up)

    def assigned_to(self, node: NodeId) -> Iterator[Task]:
        """The tasks that are a node's affair, in the order they were made: they run there or are held ready."""
        return (
            task
            for task in self.tasks.values()
            if task.node == node and TaskState.ASSIGNED <= task.state <= TaskState.RUNNING and self.nodes[node].up
        )

    def own_containers(self, node: NodeId) -> Iterator[Container]:
        """The containers outside services that have their place in a node's kernel, in the order they were made."""
        return (container for container in self.containers.values() if container.node == node and container.placed)

    def residents(self, node: NodeId) -> tuple[Resident, ...]:
        """Whatever has its place in a node's kernel: its tasks, then its containers outside services."""
        return (*self.tasks_on(node), *self.own_containers(node))


def _as_managers_see(before: Kept, after: Kept) -> Kept:
    """``after`` without what changed in a node's engine alone: the managers know nothing of it."""
    if isinstance(before, Node) and isinstance(after, Node):
        return replace(after, engine=before.engine)
    return after
