"""The swarm as one of its nodes sees it: what renderers ask, answered once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface
from typing import TypeAlias

from meshnet.mesh import names, node_bridge
from meshnet.mesh.generation import GENERATIONS, Generation18_03
from meshnet.mesh.node_bridge import NodeBridge
from meshnet.model import (
    Attachment,
    ClusterState,
    Container,
    Network,
    NetworkId,
    NetworkMode,
    Node,
    NodeId,
    PortConfig,
    PublishMode,
    Service,
    ServiceId,
    Task,
)
from meshnet.netstate import NamespaceRef

Occupant: TypeAlias = Task | Container
"""What has a namespace on a node: a task, or a container outside services."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address on an overlay network, a container's or a load balancer's, and the node that holds it."""

    address: IPv4Address
    node: Node


@dataclass(frozen=True, slots=True)
class Backend:
    """A task as balancers know it. ``weight`` is 1, or 0 for one that is on its way out: it keeps what connections it
    has, and gets no more."""

    address: IPv4Address
    weight: int = 1


@dataclass(frozen=True, slots=True)
class LoadBalancer:
    """A service on one network as one node balances it: packets with ``mark`` go round its ``backends``.

    ``backends`` is never empty, though all may be on their way out: a service without tasks has no load balancer
    (reference dump, surprise 9), nor has one without a VIP (``endpoint_mode: dnsrr``).
    """

    service: Service
    network: Network
    vip: IPv4Address
    mark: int
    backends: tuple[Backend, ...]

    @property
    def ports(self) -> tuple[PortConfig, ...]:
        """The ports it publishes: an ingress load balancer's, none for one on a user network."""
        return self.service.ingress_ports if self.network.ingress else ()


@dataclass(frozen=True, slots=True)
class Leg:
    """A container's place on a bridge of its node; ``port`` is the bridge's interface to it."""

    bridge: NodeBridge
    address: IPv4Interface
    port: str


@dataclass(frozen=True, slots=True)
class Interface:
    """An interface in a container's namespace, and the place it has by it."""

    name: str
    place: Attachment | Leg


@dataclass(frozen=True, slots=True)
class WayOut:
    """The leg through which a container reaches what is on none of its networks, and its interface there."""

    name: str
    leg: Leg


@dataclass(frozen=True, slots=True)
class Director:
    """A namespace that balances for a network: ``link`` is its interface there, ``address`` its own."""

    ref: NamespaceRef
    link: str
    address: IPv4Interface


class SwarmView:
    """What all nodes have in common: who runs where, endpoints by network, backends by service.

    Only a node that is in the swarm has part in it. One that left is a record of the managers' and has nothing.
    """

    def __init__(self, state: ClusterState) -> None:
        self.state = state
        self.tasks: dict[NodeId, list[Task]] = defaultdict(list)
        self.containers: dict[NodeId, list[Container]] = defaultdict(list)
        self.endpoints: dict[NetworkId, list[Endpoint]] = defaultdict(list)
        self.backends: dict[tuple[ServiceId, NetworkId], list[Backend]] = defaultdict(list)
        for node in state.nodes.values():
            if node.member:
                self._add_balancers(node)
        for task in state.placed_tasks():
            home = state.nodes.get(task.node) if task.node is not None else None
            if home is not None and home.member:
                self._add_task(task, home)
        for container in state.containers.values():
            home = state.nodes.get(container.node)
            if home is not None and container.placed and NetworkMode.HOST not in container.spec.networks:
                self.containers[home.id].append(container)
                self._add_endpoints(container, home)

    def _add_balancers(self, node: Node) -> None:
        for network_id, interface in node.attachments.items():
            network = self.state.networks.get(network_id)
            if network and GENERATIONS[node.generation].balancer_file(node, network):
                self.endpoints[network_id].append(Endpoint(interface.ip, node))

    def _add_task(self, task: Task, node: Node) -> None:
        self.tasks[node.id].append(task)
        self._add_endpoints(task, node)
        if task.balanced:
            for attachment in task.attachments:
                backend = Backend(attachment.address.ip, 1 if task.serves else 0)
                self.backends[task.service, attachment.network].append(backend)

    def _add_endpoints(self, occupant: Occupant, node: Node) -> None:
        for attachment in occupant.attachments:
            self.endpoints[attachment.network].append(Endpoint(attachment.address.ip, node))


class NodeView:
    """One machine, and the swarm around it. ``networks`` are those it takes part in: none outside a swarm.

    ``tasks`` and ``containers`` are those that have a namespace here.
    """

    def __init__(self, swarm: SwarmView, node: Node) -> None:
        self.node = node
        self.state = swarm.state
        self.generation: Generation18_03 = GENERATIONS[node.generation]
        self.host = NamespaceRef(node.name)
        joined = node.attachments if node.member else {}
        self.networks = tuple(network for network in self.state.networks.values() if network.id in joined)
        self.tasks = tuple(swarm.tasks[node.id])
        self.containers = tuple(swarm.containers[node.id])
        self._swarm = swarm

    @property
    def occupants(self) -> tuple[Occupant, ...]:
        """All that have a namespace here."""
        return (*self.tasks, *self.containers)

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

    def sandbox(self, occupant: Occupant) -> NamespaceRef:
        """The namespace of a container of this node."""
        return NamespaceRef(self.node.name, occupant.sandbox_file)

    def interfaces(self, occupant: Occupant) -> tuple[Interface, ...]:
        """A container's interfaces, in the order they are made."""
        match occupant:
            case Task():
                return self._task_interfaces(occupant)
            case Container():
                places = self._container_places(occupant)
                return tuple(Interface(f"eth{number}", place) for number, place in enumerate(places))

    def way_out(self, occupant: Occupant) -> WayOut | None:
        """Where a container's default route leads, if it has one."""
        ways = [WayOut(found.name, found.place) for found in self.interfaces(occupant) if isinstance(found.place, Leg)]
        return min(ways, key=lambda way: way.leg.bridge.order, default=None)

    def directors(self, network: Network) -> tuple[Director, ...]:
        """Where this node balances for ``network``: its sandbox for that, or else each container there for itself."""
        balancer = self.balancer(network)
        if balancer:
            return (Director(balancer, "eth0", self.node.attachments[network.id]),)
        return tuple(
            Director(self.sandbox(occupant), interface.name, interface.place.address)
            for occupant in self.occupants
            for interface in self.interfaces(occupant)
            if isinstance(interface.place, Attachment) and interface.place.network == network.id
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

    def ingress_ports(self) -> tuple[PortConfig, ...]:
        """The ports that the node publishes for the swarm, oldest first."""
        balancers = self.load_balancers(self.ingress) if self.ingress else ()
        return tuple(port for balancer in balancers for port in balancer.ports)

    def mapped_ports(self) -> Iterator[tuple[Leg, PortConfig]]:
        """The ports that containers of this node have on it, and where each leads. A container whose way out is an
        internal network has none."""
        for occupant in self.occupants:
            way = self.way_out(occupant)
            if way is None or way.leg.bridge.internal:
                continue
            for port in occupant.ports:
                host_mode = isinstance(occupant, Container) or port.mode is PublishMode.HOST
                if host_mode and port.published:
                    yield way.leg, port

    def leg(self, owner: str) -> Leg | None:
        """A container's leg on ``docker_gwbridge``, or on ``docker0`` if that is where its address lies."""
        engine = self.node.engine
        address = engine.gateways.get(owner)
        if address is None:
            return None
        bridge = node_bridge.docker0(engine) if address in engine.docker0 else node_bridge.gwbridge(engine)
        return Leg(bridge, IPv4Interface((address, bridge.subnet.prefixlen)), names.bridge_port(self.node, owner))

    def _task_interfaces(self, task: Task) -> tuple[Interface, ...]:
        """The first overlay, the gateway, then the other overlays."""
        ingress = self.ingress
        published = ingress is not None and any(leg.network == ingress.id for leg in task.attachments)
        links, gateway_link = self.generation.task_links(len(task.attachments), published=published)
        overlays = [Interface(link, place) for link, place in zip(links, task.attachments, strict=True)]
        leg = self.leg(task.container)
        gateway = () if leg is None else (Interface(gateway_link, leg),)
        return (*overlays[:1], *gateway, *overlays[1:])

    def _container_places(self, container: Container) -> list[Attachment | Leg]:
        """In the order it joined its networks. Its leg on ``docker_gwbridge`` comes with the first overlay that is not
        internal: later ones join without moving it."""
        asked = container.spec.networks
        joined: list[tuple[tuple[int, bool, bool, str], Attachment | Leg]] = []
        for attachment in container.attachments:
            network = self.state.networks[attachment.network]
            joined.append((_rank(asked, network.name, network.internal, gateway=False), attachment))
        for leg in self._bridge_legs(container):
            joined.append((_rank(asked, leg.bridge.network, leg.bridge.internal, gateway=True), leg))
        joined.sort(key=lambda entry: entry[0])
        places = [place for _, place in joined]
        gateway = self.leg(container.id)
        if gateway is not None and gateway.bridge.link == names.GWBRIDGE:
            places.insert(self._after_first_overlay(places), gateway)
        return places

    def _after_first_overlay(self, places: list[Attachment | Leg]) -> int:
        for number, place in enumerate(places):
            if isinstance(place, Attachment) and not self.state.networks[place.network].internal:
                return number + 1
        return len(places)

    def _bridge_legs(self, container: Container) -> Iterator[Leg]:
        """Its legs on ``docker0`` and on networks that somebody made."""
        for network_id, address in container.bridges.items():
            network = self.state.bridges.get(network_id)
            if network is not None:
                port = names.bridge_port(self.node, container.id, network_id)
                yield Leg(node_bridge.made(network), address, port)
        default = self.leg(container.id)
        if default is not None and default.bridge.link == names.DOCKER0:
            yield default


def _rank(asked: tuple[str, ...], network: str, internal: bool, *, gateway: bool) -> tuple[int, bool, bool, str]:
    """Networks as they were asked for; others in libnetwork's order (endpoint.go Less)."""
    return (asked.index(network) if network in asked else len(asked), internal, not gateway, network)
