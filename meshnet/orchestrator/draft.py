"""A swarm while one command changes it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from ipaddress import IPv4Address

from meshnet.model import (
    ClusterState,
    Container,
    ContainerId,
    Event,
    Network,
    NetworkId,
    Node,
    NodeId,
    Service,
    Task,
)
from meshnet.model.ids import container_id, swarm_id

Resident = Task | Container
"""Whatever has a network namespace on a node."""


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
        """The state it has become, one version on; ``reason`` says why."""
        version = self._before.version + 1
        counters = replace(
            self._before.counters,
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
            version=version,
            nodes=self.nodes,
            networks=self.networks,
            services=self.services,
            tasks=self.tasks,
            stored=self.stored,
            containers=self.containers,
            bridges=self.bridges,
            swarm=self.swarm,
            events=(*self._before.events, Event(version, reason, self.now)),
            story=self.story,
        )

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
        return next((network for network in self.networks.values() if network.ingress), None)

    def network_named(self, name: str) -> Network | None:
        return next((network for network in self.networks.values() if network.name == name), None)

    def service_named(self, name: str) -> Service | None:
        return next((service for service in self.services.values() if service.spec.name == name), None)

    def tasks_of(self, service: Service) -> Iterator[Task]:
        """Its tasks, in the order they were made."""
        return (task for task in self.tasks.values() if task.service == service.id)

    def tasks_on(self, node: NodeId) -> Iterator[Task]:
        """The tasks that hold their place on a node, in the order they were made."""
        return (task for task in self.tasks.values() if task.node == node and task.placed)

    def residents(self, node: NodeId) -> tuple[Resident, ...]:
        """Whatever has its place in a node's kernel: its tasks, then its containers outside services, each in the order
        they were made."""
        own = (container for container in self.containers.values() if container.node == node and container.placed)
        return (*self.tasks_on(node), *own)
