"""The flows that a swarm ought to carry, by what its services and networks are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from itertools import permutations, product

from meshnet.lab.observing.naming import Naming
from meshnet.model import Container, Membership, NetworkId, Service, Task
from meshnet.netstate import NamespaceRef, NetState
from meshnet.path import Probe
from meshnet.predict.flows import Flow
from meshnet.predict.world import Listener, World
from meshnet.trace.probing import least_length

_SOURCE_PORT = 47000
_LOOPBACK = "localhost"


def flows_of(naming: Naming, outside: Sequence[str], world: World) -> Iterator[Flow]:
    """In the order in which one would try them: between machines, published ports from outside and from each node,
    virtual addresses from each container, packets of full size between containers, and from each container out.
    ``outside`` are machines that are in no swarm."""
    for number, wish in enumerate(_wishes(naming, outside, world)):
        yield wish.flow(naming, _SOURCE_PORT + number)


@dataclass(frozen=True, slots=True)
class _Wish:
    """From ``source`` to ``target``, each in a word that ``naming`` knows, to be taken in one of ``ends``."""

    source: str
    target: str
    ends: frozenset[NamespaceRef]
    protocol: str = "icmp"
    port: int | None = None
    length: int | None = None
    called: str = ""

    def flow(self, naming: Naming, source_port: int) -> Flow:
        origin = naming.place(self.source)
        address = naming.address(self.target, origin)
        end = "icmp" if self.port is None else f"{self.port}/{self.protocol}"
        name = f"{naming.shown(origin)} > {self.called or self.target}{'/' if self.port is None else ':'}{end}"
        length = self.length or least_length(self.protocol)
        if self.length:
            name += f" of {length} bytes"
        return Flow(name, Probe(origin, address, self.protocol, self.port, source_port, length=length), self.ends)


def _wishes(naming: Naming, outside: Sequence[str], world: World) -> Iterator[_Wish]:
    nodes = [node.name for node in naming.state.nodes.values() if node.membership is Membership.MEMBER]
    for one, other in permutations(nodes, 2):
        yield _Wish(one, other, frozenset({NamespaceRef(other)}))
    yield from _published(naming, nodes, outside)
    for occupant in naming.occupants():
        yield from _east_west(naming, world, occupant)
    yield from _of_full_size(naming, world)
    for occupant in naming.occupants():
        for name in outside[:1]:
            yield _Wish(str(naming.home(occupant)), name, frozenset({NamespaceRef(name)}))


def _published(naming: Naming, nodes: Sequence[str], outside: Sequence[str]) -> Iterator[_Wish]:
    for service in naming.state.services.values():
        ends = _homes(naming, service)
        for port, node in product(service.ingress_ports, nodes if ends else ()):
            for source, target in (*((name, node) for name in outside), (node, _LOOPBACK)):
                yield _Wish(source, target, ends, port.protocol.value, port.published)


def _east_west(naming: Naming, world: World, occupant: Task | Container) -> Iterator[_Wish]:
    """To every service it shares a network with, on the ports that the service's tasks listen on."""
    for network in {attachment.network: None for attachment in occupant.attachments}:
        if naming.state.networks[network].ingress:
            continue
        for service in naming.state.services.values():
            if network in service.vips:
                for listener in _listeners(naming, world, service):
                    source, ends = str(naming.home(occupant)), _homes(naming, service)
                    yield _Wish(source, service.spec.name, ends, listener.protocol, listener.port)


def _of_full_size(naming: Naming, world: World) -> Iterator[_Wish]:
    """Echoes as long as a network's interfaces take, from each container to the next one on another node."""
    for network in naming.state.networks:
        there = [each for each in naming.occupants() if _address_on(each, network) is not None]
        for number, occupant in enumerate(there):
            others = [each for each in (*there[number:], *there[:number]) if each.node != occupant.node]
            length = _mtu(world.states[naming.home(occupant)], _address_on(occupant, network))
            for other in others[:1] if length else ():
                home = naming.home(other)
                yield _Wish(
                    str(naming.home(occupant)),
                    str(_address_on(other, network)),
                    frozenset({home}),
                    length=length,
                    called=naming.shown(home),
                )


def _address_on(occupant: Task | Container, network: NetworkId) -> IPv4Address | None:
    return next((each.address.ip for each in occupant.attachments if each.network == network), None)


def _mtu(state: NetState, address: IPv4Address | None) -> int | None:
    """Of the interface with that address."""
    links = [state.links.get(each.link) for each in state.addresses if each.interface.ip == address]
    return next((link.mtu for link in links if link is not None), None)


def _homes(naming: Naming, service: Service) -> frozenset[NamespaceRef]:
    """Where its tasks are that have come up."""
    return frozenset(naming.home(task) for task in naming.state.placed_tasks(service=service.id) if task.serves)


def _listeners(naming: Naming, world: World, service: Service) -> list[Listener]:
    """Those that every task of the service has, whatever address asks."""
    there = [(world.listeners or {}).get(home, frozenset[Listener]()) for home in _homes(naming, service)]
    common = frozenset.intersection(*there) if there else frozenset[Listener]()
    return sorted((each for each in common if each.address is None), key=lambda each: (each.protocol, each.port))
