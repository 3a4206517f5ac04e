"""The flows that a swarm ought to carry, by what its services and networks are."""

from __future__ import annotations

from collections.abc import Iterator

from meshnet.lab.observing.naming import Naming
from meshnet.model import Container, Membership, Node, Service, Task
from meshnet.path import Probe
from meshnet.predict.flows import Flow
from meshnet.predict.world import Listener, World
from meshnet.trace.probing import least_length

_SOURCE_PORT = 47000
_LOOPBACK = "localhost"


def flows_of(naming: Naming, world: World) -> Iterator[Flow]:
    """In the order in which one would try them: between machines, published ports from outside and from each node,
    virtual addresses from each container, and from each container out."""
    nodes = [node for node in naming.state.nodes.values() if node.membership is Membership.MEMBER]
    outside = [name for name in naming.hosts if naming.state.node_named(name) is None]
    for node in nodes:
        yield from (_flow(naming, node.name, other.name, "icmp") for other in nodes if other is not node)
    yield from _published(naming, nodes, outside)
    for occupant in naming.occupants():
        yield from _east_west(naming, world, occupant)
        yield from (_flow(naming, str(naming.home(occupant)), name, "icmp") for name in outside[:1])


def _published(naming: Naming, nodes: list[Node], outside: list[str]) -> Iterator[Flow]:
    for service in naming.state.services.values():
        for port in service.ingress_ports:
            for node in nodes:
                for source, target in (*((name, node.name) for name in outside), (node.name, _LOOPBACK)):
                    yield _flow(naming, source, target, port.protocol.value, port.published)


def _east_west(naming: Naming, world: World, occupant: Task | Container) -> Iterator[Flow]:
    """To every service it shares a network with, on the ports that the service's tasks listen on."""
    for network in {attachment.network: None for attachment in occupant.attachments}:
        if naming.state.networks[network].ingress:
            continue
        for service in naming.state.services.values():
            if network in service.vips:
                for listener in _listeners(naming, world, service):
                    source, target = str(naming.home(occupant)), service.spec.name
                    yield _flow(naming, source, target, listener.protocol, listener.port)


def _listeners(naming: Naming, world: World, service: Service) -> list[Listener]:
    """Those that every task of the service has, whatever address asks."""
    homes = [naming.home(task) for task in naming.state.placed_tasks(service=service.id)]
    there = [(world.listeners or {}).get(home, frozenset[Listener]()) for home in homes]
    common = frozenset.intersection(*there) if there else frozenset[Listener]()
    return sorted((each for each in common if each.address is None), key=lambda each: (each.protocol, each.port))


def _flow(naming: Naming, source: str, target: str, protocol: str, port: int | None = None) -> Flow:
    origin = naming.place(source)
    address = naming.address(target, origin)
    shown = naming.shown(origin)
    end = f"{target}/icmp" if port is None else f"{target}:{port}/{protocol}"
    probe = Probe(origin, address, protocol, port, _SOURCE_PORT, length=least_length(protocol))
    return Flow(f"{shown} > {end}", probe)
