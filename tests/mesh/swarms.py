"""Swarms of any shape, for properties that must hold in all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Any

from hypothesis import strategies as st

from meshnet.model import (
    Attachment,
    BridgeNetwork,
    ClusterState,
    Container,
    ContainerId,
    ContainerSpec,
    ContainerState,
    Counters,
    EngineState,
    Generation,
    Network,
    NetworkId,
    Node,
    NodeId,
    NodeRole,
    PortConfig,
    Protocol,
    PublishMode,
    Service,
    ServiceId,
    ServiceSpec,
    Task,
    TaskId,
    TaskState,
)
from meshnet.model.ids import container_id, swarm_id
from meshnet.model.node import BALANCER, INGRESS_SBOX

INGRESS = NetworkId("ingress0000000000000000id")


@dataclass
class Swarm:
    """Puts a swarm together call by call, giving addresses in turn as the swarm's own allocator does."""

    state: ClusterState = field(default_factory=lambda: ClusterState(Counters("any")))
    _given: dict[str, int] = field(default_factory=dict)

    def _next(self, pool: str, first: int) -> int:
        self._given[pool] = self._given.get(pool, first - 1) + 1
        return self._given[pool]

    def address(self, network: NetworkId) -> IPv4Interface:
        subnet = self.state.networks[network].subnet
        return IPv4Interface((subnet[self._next(network, 2)], subnet.prefixlen))

    def network(self, name: str, subnet: str, *, internal: bool = False) -> Network:
        """The first one is ingress."""
        number = len(self.state.networks)
        network = Network(
            NetworkId(swarm_id(name, 1)) if number else INGRESS,
            name,
            IPv4Network(subnet),
            IPv4Network(subnet)[1],
            4096 + number,
            ingress=not number,
            internal=internal,
            attachable=bool(number),
        )
        self.state = replace(self.state, networks={**self.state.networks, network.id: network})
        return network

    def node(self, generation: Generation) -> Node:
        number = len(self.state.nodes) + 1
        gwbridge = IPv4Network(f"172.{17 + number}.0.0/16")
        node = Node(
            NodeId(swarm_id("node", number)),
            f"node{number}",
            NodeRole.MANAGER,
            generation,
            IPv4Interface(f"192.168.56.{number}/24"),
            EngineState(
                IPv4Network("172.17.0.0/16"), gwbridge, {INGRESS_SBOX: gwbridge[2]}, joins={(INGRESS, BALANCER): 0}
            ),
            attachments={INGRESS: self.address(INGRESS)},
        )
        return self._put(node)

    def _put(self, node: Node) -> Node:
        self.state = replace(self.state, nodes={**self.state.nodes, node.id: node})
        return node

    def service(
        self,
        name: str,
        networks: tuple[NetworkId, ...] = (),
        ports: tuple[PortConfig, ...] = (),
        *,
        dnsrr: bool = False,
    ) -> Service:
        ingress = (INGRESS,) if any(port.mode is PublishMode.INGRESS for port in ports) else ()
        vips = {} if dnsrr else {network: self.address(network) for network in (*ingress, *networks)}
        spec = ServiceSpec(name, "busybox", ports=ports)
        service = Service(ServiceId(swarm_id(name, 1)), spec, networks, ports, vips)
        self.state = replace(self.state, services={**self.state.services, service.id: service})
        return service

    def task(self, service: Service, node: Node) -> Task:
        """A running task of ``service`` on ``node``, with all that comes with it there."""
        number = len(self.state.tasks) + 1
        ingress = (INGRESS,) if service.ingress_ports else ()
        legs = (*ingress, *service.networks)
        task = Task(
            TaskId(swarm_id("task", number)),
            service.id,
            service.spec,
            number,
            ContainerId(container_id("container", number)),
            container_id("sandbox", number),
            node.id,
            ports=service.ports,
            state=TaskState.RUNNING,
            attachments=tuple(Attachment(network, self.address(network)) for network in legs),
        )
        self.state = replace(self.state, tasks={**self.state.tasks, task.id: task})
        self._settle(node, task.container, legs, node.engine.gwbridge if legs else node.engine.docker0)
        return task

    def bridge(
        self, node: Node, name: str, subnet: str, *, internal: bool = False, options: Mapping[str, str] | None = None
    ) -> BridgeNetwork:
        """A bridge network of somebody's own on ``node``."""
        pool = IPv4Network(subnet)
        id = NetworkId(container_id(f"{node.id} {name}", 1))
        network = BridgeNetwork(id, node.id, name, pool, pool[1], internal=internal, options=options or {})
        self.state = replace(self.state, bridges={**self.state.bridges, network.id: network})
        return network

    def container(
        self, node: Node, *networks: Network | BridgeNetwork | str, ports: tuple[PortConfig, ...] = ()
    ) -> Container:
        """A container outside services that runs on ``node``; ``bridge``, ``none`` and ``host`` are networks by their
        names alone."""
        number = len(self.state.containers) + 1
        names = tuple(network if isinstance(network, str) else network.name for network in networks)
        bridges = [network for network in networks if isinstance(network, BridgeNetwork)]
        overlays = [network for network in networks if isinstance(network, Network)]
        container = Container(
            ContainerId(container_id("outside", number)),
            node.id,
            ContainerSpec(f"container{number}", "busybox", networks=names),
            container_id("outside", number, "sandbox"),
            state=ContainerState.RUNNING,
            attachments=tuple(Attachment(network.id, self.address(network.id)) for network in overlays),
            bridges={
                network.id: IPv4Interface((network.subnet[self._next(network.id, 2)], network.subnet.prefixlen))
                for network in bridges
            },
            ports=ports,
        )
        self.state = replace(self.state, containers={**self.state.containers, container.id: container})
        subnet = None
        if not names or "bridge" in names:
            subnet = node.engine.docker0
        elif all(network.internal for network in bridges) and any(not network.internal for network in overlays):
            subnet = node.engine.gwbridge
        self._settle(node, container.id, tuple(network.id for network in overlays), subnet)
        return container

    def _settle(
        self, node: Node, owner: ContainerId, overlays: tuple[NetworkId, ...], gateway: IPv4Network | None
    ) -> None:
        """Do what the engine does for a container that starts: on its overlays, and on the bridge it goes out by."""
        node = self.state.nodes[node.id]
        joined = {network: self.address(network) for network in overlays if network not in node.attachments}
        leg: dict[str, IPv4Address] = {}
        if gateway is not None:
            leg[owner] = gateway[self._next(f"{node.name} {gateway}", 3)]
        balancers = [(network, BALANCER) for network in joined if node.generation is not Generation.G18_03]
        ports = [*balancers, *((network, owner) for network in overlays)]
        joins = {port: self._next(f"{node.name} {port[0]}", int(port[0] == INGRESS)) for port in ports}
        engine = replace(node.engine, gateways={**node.engine.gateways, **leg}, joins={**node.engine.joins, **joins})
        self._put(replace(node, engine=engine, attachments={**node.attachments, **joined}))
        self._mark()

    def _mark(self) -> None:
        """Every node learns of every service on every network it takes part in, and keeps what it knew."""
        for node in self.state.nodes.values():
            pairs = [
                (service.id, network)
                for service in self.state.services.values()
                for network in service.vips
                if network in node.attachments
            ]
            marks = dict(node.engine.marks)
            for pair in pairs:
                marks.setdefault(pair, 0x100 + len(marks))
            balanced = node.engine.balanced | {network for _, network in pairs}
            published = node.engine.published or any(network == INGRESS for _, network in pairs)
            self._put(replace(node, engine=replace(node.engine, marks=marks, balanced=balanced, published=published)))


def changed(state: ClusterState, task: Task, /, **changes: Any) -> ClusterState:
    """The same swarm with a task that is otherwise."""
    return replace(state, tasks={**state.tasks, task.id: replace(task, **changes)})


def without(state: ClusterState, task: Task) -> ClusterState:
    """The same swarm a moment after ``task`` stopped; what its node knows of it is left."""
    return changed(state, task, state=TaskState.SHUTDOWN)


_PORTS = st.lists(
    st.builds(
        PortConfig,
        target=st.integers(1, 65535),
        published=st.integers(1, 65535),
        protocol=st.sampled_from(Protocol),
        mode=st.sampled_from(PublishMode),
    ),
    max_size=3,
    unique_by=lambda port: (port.published, port.protocol),
)


@st.composite
def swarms(draw: st.DrawFn) -> ClusterState:
    """Up to four nodes of any generation, two user networks and four services with up to four tasks each, of which some
    are on their way out; bridge networks and containers outside services."""
    swarm = Swarm()
    swarm.network("ingress", draw(st.sampled_from(["10.0.0.0/24", "10.255.0.0/16"])))
    nodes = [
        swarm.node(generation) for generation in draw(st.lists(st.sampled_from(Generation), min_size=1, max_size=4))
    ]
    networks = [swarm.network(f"net{number}", f"10.0.{number}.0/24").id for number in range(1, draw(st.integers(1, 3)))]
    for number in range(draw(st.integers(0, 4))):
        joined = tuple(draw(st.lists(st.sampled_from(networks), unique=True))) if networks else ()
        ports = tuple(draw(_PORTS))
        dnsrr = all(port.mode is PublishMode.HOST for port in ports) and draw(st.booleans())
        service = swarm.service(f"service{number}", joined, ports, dnsrr=dnsrr)
        for node in draw(st.lists(st.sampled_from(nodes), max_size=4)):
            task = swarm.task(service, node)
            if draw(st.booleans()):
                swarm.state = changed(swarm.state, task, desired=TaskState.SHUTDOWN, stopping=draw(st.booleans()))
    for number, node in enumerate(draw(st.lists(st.sampled_from(nodes), max_size=3))):
        bridge = swarm.bridge(node, f"bridge{number}", f"192.168.{16 * number}.0/20", internal=draw(st.booleans()))
        offered: list[Network | BridgeNetwork | str] = [
            "bridge",
            bridge,
            *(swarm.state.networks[network] for network in networks),
        ]
        swarm.container(node, *draw(st.lists(st.sampled_from(offered), unique_by=str)))
    return swarm.state
