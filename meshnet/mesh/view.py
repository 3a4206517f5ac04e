"""The swarm as one of its nodes sees it: what renderers ask, answered once."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from meshnet.mesh import names
from meshnet.mesh.generation import GENERATIONS, Generation18_03
from meshnet.model import (
    ClusterState,
    Network,
    NetworkId,
    Node,
    NodeId,
    PortConfig,
    Service,
    ServiceId,
    Task,
)
from meshnet.netstate import NamespaceRef


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address on an overlay network, a task's or a load balancer's, and the node that holds it."""

    address: IPv4Address
    node: Node


@dataclass(frozen=True, slots=True)
class LoadBalancer:
    """A service on one network as one node balances it: packets with ``mark`` go round its ``backends``.

    ``backends`` is never empty: a service without running tasks has no load balancer (reference dump, surprise 9), nor
    has one without a VIP (``endpoint_mode: dnsrr``).
    """

    service: Service
    network: Network
    vip: IPv4Address
    mark: int
    backends: tuple[IPv4Address, ...]

    @property
    def ports(self) -> tuple[PortConfig, ...]:
        """The ports it publishes: an ingress load balancer's, none for one on a user network."""
        return self.service.ingress_ports if self.network.ingress else ()


@dataclass(frozen=True, slots=True)
class Leg:
    """A container's place on a bridge of its node, and the bridge's own address, its way out."""

    bridge: str
    address: IPv4Interface
    via: IPv4Address


@dataclass(frozen=True, slots=True)
class Director:
    """A namespace that balances for a network: ``link`` is its interface there, ``address`` its own."""

    ref: NamespaceRef
    link: str
    address: IPv4Interface


class SwarmView:
    """What all nodes have in common: running tasks by node, endpoints by network, backends by service."""

    def __init__(self, state: ClusterState) -> None:
        self.state = state
        self.tasks: dict[NodeId, list[Task]] = defaultdict(list)
        self.endpoints: dict[NetworkId, list[Endpoint]] = defaultdict(list)
        self.backends: dict[tuple[ServiceId, NetworkId], list[IPv4Address]] = defaultdict(list)
        for node in state.nodes.values():
            self._add_balancers(node)
        for task in state.placed_tasks():
            if task.node is not None:
                self._add_task(task, state.nodes[task.node])

    def _add_balancers(self, node: Node) -> None:
        for network_id, interface in node.attachments.items():
            network = self.state.networks.get(network_id)
            if network and GENERATIONS[node.generation].balancer_file(node, network):
                self.endpoints[network_id].append(Endpoint(interface.ip, node))

    def _add_task(self, task: Task, node: Node) -> None:
        self.tasks[node.id].append(task)
        for attachment in task.attachments:
            self.endpoints[attachment.network].append(Endpoint(attachment.address.ip, node))
            self.backends[task.service, attachment.network].append(attachment.address.ip)


class NodeView:
    """One node, and the swarm around it."""

    def __init__(self, swarm: SwarmView, node: Node) -> None:
        self.node = node
        self.state = swarm.state
        self.generation: Generation18_03 = GENERATIONS[node.generation]
        self.host = NamespaceRef(node.name)
        self.networks = tuple(network for network in self.state.networks.values() if network.id in node.attachments)
        self.tasks = tuple(swarm.tasks[node.id])
        self._swarm = swarm

    @property
    def ingress(self) -> Network | None:
        """The ingress network, if the node takes part in it."""
        return next((network for network in self.networks if network.ingress), None)

    def overlay(self, network: Network | NetworkId) -> NamespaceRef:
        """The namespace of ``network``'s data plane on this node."""
        if not isinstance(network, Network):
            network = self.state.networks[network]
        return NamespaceRef(self.node.name, network.overlay_file)

    def balancer(self, network: Network) -> NamespaceRef | None:
        """The sandbox that balances for ``network`` on this node, if its engine has one."""
        file = self.generation.balancer_file(self.node, network)
        return NamespaceRef(self.node.name, file) if file else None

    def sandbox(self, task: Task) -> NamespaceRef:
        """The namespace of a task of this node."""
        return NamespaceRef(self.node.name, task.sandbox_file)

    def task_links(self, task: Task) -> tuple[tuple[str, ...], str]:
        """The names of a task's interfaces: one for each of its attachments in their order, and its gateway leg's."""
        ingress = self.ingress
        published = ingress is not None and any(leg.network == ingress.id for leg in task.attachments)
        return self.generation.task_links(len(task.attachments), published=published)

    def directors(self, network: Network) -> tuple[Director, ...]:
        """Where this node balances for ``network``: its sandbox for that, or else each task there for itself."""
        balancer = self.balancer(network)
        if balancer:
            return (Director(balancer, "eth0", self.node.attachments[network.id]),)
        return tuple(
            Director(self.sandbox(task), link, attachment.address)
            for task in self.tasks
            for attachment, link in zip(task.attachments, self.task_links(task)[0], strict=True)
            if attachment.network == network.id
        )

    def load_balancers(self, network: Network) -> tuple[LoadBalancer, ...]:
        """The load balancers of this node for ``network``, in the order it learned of the services."""
        found = []
        for (service_id, network_id), mark in self.node.engine.marks.items():
            service = self.state.services.get(service_id)
            backends = self._swarm.backends.get((service_id, network_id))
            if network_id != network.id or service is None or not backends:
                continue
            vip = service.vips.get(network_id)
            if vip is not None:
                found.append(LoadBalancer(service, network, vip.ip, mark, tuple(backends)))
        return tuple(sorted(found, key=lambda balancer: balancer.mark))

    def remote_endpoints(self, network: Network) -> tuple[Endpoint, ...]:
        """Every endpoint of ``network`` that another node holds."""
        return tuple(end for end in self._swarm.endpoints[network.id] if end.node.id != self.node.id)

    def leg(self, owner: str) -> Leg | None:
        """A container's leg on ``docker_gwbridge``, or on ``docker0`` if that is where its address lies."""
        address = self.node.engine.gateways.get(owner)
        if address is None:
            return None
        engine = self.node.engine
        bridge, subnet = (
            (names.DOCKER0, engine.docker0) if address in engine.docker0 else (names.GWBRIDGE, engine.gwbridge)
        )
        return Leg(bridge, IPv4Interface((address, subnet.prefixlen)), bridge_address(subnet).ip)


def bridge_address(subnet: IPv4Network) -> IPv4Interface:
    """A bridge's own address: the first of its subnet."""
    return IPv4Interface((subnet.network_address + 1, subnet.prefixlen))
