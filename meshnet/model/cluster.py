"""The whole swarm as one value. Every change gives a new one, one version up, with an event that says why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network

from meshnet.model.bridge import BridgeNetwork
from meshnet.model.container import Container
from meshnet.model.ids import ContainerId, NetworkId, NodeId, ServiceId, TaskId
from meshnet.model.network import Network
from meshnet.model.node import Membership, Node
from meshnet.model.service import Protocol, Service
from meshnet.model.stored import Stored, StoredId
from meshnet.model.story import Story
from meshnet.model.swarm import Swarm
from meshnet.model.task import Task


@dataclass(frozen=True, slots=True)
class Event:
    """Why one version came after another: ``version`` is the one it led to, ``time`` when (nanoseconds)."""

    version: int
    reason: str
    time: int = 0


@dataclass(frozen=True, slots=True)
class Counters:
    """The allocator's memory: addresses are given serially and not soon reused (docker-swarm-facts section 4.9).

    ``last_address`` holds the last address given on each network, ``taken`` those in use; ``serial`` counts ids drawn;
    ``last_subnet`` and ``last_port`` are the last ones given from the pools. ``balancers`` holds the addresses that a
    manager before 18.09 sets aside on a network for every node's load balancer, also where the node has no part in it.
    """

    seed: str
    serial: int = 0
    next_vni: int = 4096
    last_address: Mapping[NetworkId, IPv4Address] = field(default_factory=dict)
    taken: Mapping[NetworkId, frozenset[IPv4Address]] = field(default_factory=dict)
    balancers: Mapping[NetworkId, Mapping[NodeId, IPv4Address]] = field(default_factory=dict)
    last_subnet: IPv4Network | None = None
    last_port: Mapping[Protocol, int] = field(default_factory=dict)
    reserved_subnets: tuple[IPv4Network, ...] = ()


@dataclass(frozen=True, slots=True)
class ClusterState:
    """Everything the swarm and its engines know. Mappings are never changed in place.

    ``swarm`` is None before machines have formed one. ``containers`` and ``bridges`` are each one node's own.
    ``events`` are the latest; ``story`` is what of a lab's story has not come true yet.
    """

    counters: Counters
    version: int = 0
    nodes: Mapping[NodeId, Node] = field(default_factory=dict)
    networks: Mapping[NetworkId, Network] = field(default_factory=dict)
    services: Mapping[ServiceId, Service] = field(default_factory=dict)
    tasks: Mapping[TaskId, Task] = field(default_factory=dict)
    stored: Mapping[StoredId, Stored] = field(default_factory=dict)
    containers: Mapping[ContainerId, Container] = field(default_factory=dict)
    bridges: Mapping[NetworkId, BridgeNetwork] = field(default_factory=dict)
    swarm: Swarm | None = None
    events: tuple[Event, ...] = ()
    story: Story = field(default_factory=Story)

    @property
    def ingress(self) -> Network | None:
        """The ingress network."""
        there = self.networks.values()
        return next((network for network in there if network.ingress and not network.going), None)

    @property
    def leader(self) -> Node:
        """The manager that decides for the swarm: the first."""
        return next(node for node in self.nodes.values() if node.manages)

    def node_named(self, name: str) -> Node | None:
        """The machine of that name, whether it is in the swarm or not; not a record of one that left."""
        return next(
            (node for node in self.nodes.values() if node.name == name and node.membership is not Membership.LEFT), None
        )

    def service_named(self, name: str) -> Service | None:
        return next((service for service in self.services.values() if service.spec.name == name), None)

    def network_named(self, name: str) -> Network | None:
        there = self.networks.values()
        return next((network for network in there if network.name == name and not network.going), None)

    def placed_tasks(self, *, node: NodeId | None = None, service: ServiceId | None = None) -> Iterator[Task]:
        """Tasks that hold their place in the kernel, in the order they were made. Whatever the managers still keep as
        running on a node that is down or has left is gone with it."""
        for task in self.tasks.values():
            home = self.nodes.get(task.node) if task.node is not None else None
            if not task.placed or home is None or not home.up:
                continue
            if node is not None and task.node != node:
                continue
            if service is not None and task.service != service:
                continue
            yield task
