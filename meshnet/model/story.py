"""What a lab settles beforehand that a swarm would draw or give out: ids and addresses, so that a story comes true.

Everything in here is optional and is used once: the first task of a slot has the story's id and addresses, the next one
is like any other. An id may be just its beginning; the rest follows from the seed. The swarm gives no address of its
story to anybody else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address

from meshnet.model.network import INGRESS


@dataclass(frozen=True, slots=True)
class NodeStory:
    """A node's id, and its load balancer's address on the ingress network."""

    id: str = ""
    ingress: IPv4Address | None = None


@dataclass(frozen=True, slots=True)
class NetworkStory:
    """A network's id and VXLAN network identifier."""

    id: str = ""
    vni: int | None = None


@dataclass(frozen=True, slots=True)
class TaskStory:
    """A task's id, its container's and its sandbox's, its addresses by network name, and that on its node's bridge."""

    id: str = ""
    container: str = ""
    sandbox: str = ""
    addresses: Mapping[str, IPv4Address] = field(default_factory=dict)
    gateway: IPv4Address | None = None


@dataclass(frozen=True, slots=True)
class ServiceStory:
    """A service's id, its VIP by network name, and its tasks by slot."""

    id: str = ""
    vips: Mapping[str, IPv4Address] = field(default_factory=dict)
    tasks: Mapping[int, TaskStory] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Story:
    """What is settled, by name."""

    nodes: Mapping[str, NodeStory] = field(default_factory=dict)
    networks: Mapping[str, NetworkStory] = field(default_factory=dict)
    services: Mapping[str, ServiceStory] = field(default_factory=dict)

    def addresses_on(self, network: str) -> Iterator[IPv4Address]:
        """Every address it settles on the network of that name."""
        if network == INGRESS:
            yield from (node.ingress for node in self.nodes.values() if node.ingress is not None)
        for service in self.services.values():
            if network in service.vips:
                yield service.vips[network]
            for task in service.tasks.values():
                if network in task.addresses:
                    yield task.addresses[network]

    def gateways(self) -> Iterator[IPv4Address]:
        """Every address it settles on a node's own bridge."""
        for service in self.services.values():
            yield from (task.gateway for task in service.tasks.values() if task.gateway is not None)

    def task(self, service: str, slot: int) -> TaskStory:
        """What it says of a slot: nothing, for most."""
        return self.services.get(service, ServiceStory()).tasks.get(slot, TaskStory())

    def with_network(self, name: str, entry: NetworkStory) -> Story:
        return replace(self, networks={**self.networks, name: entry})

    def with_service(self, name: str, entry: ServiceStory) -> Story:
        return replace(self, services={**self.services, name: entry})

    def with_task(self, service: str, slot: int, entry: TaskStory) -> Story:
        """Itself with another entry for a slot of a service it tells of."""
        told = self.services[service]
        return self.with_service(service, replace(told, tasks={**told.tasks, slot: entry}))
