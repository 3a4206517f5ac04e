"""The flows that a swarm ought to carry, by what its services and networks are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from itertools import permutations, product

from meshnet.lab.observing.naming import Naming
from meshnet.model import Container, Membership, Network, NetworkId, Service, Task
from meshnet.netstate import NamespaceRef
from meshnet.netstate.world import Listener, World
from meshnet.path import Probe
from meshnet.predict.flows import Flow
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
    """From ``source`` to ``target``, each in a word that ``naming`` knows, to be taken in one of ``ends``. People call
    ``target`` what ``called`` says; ``over`` is the network that it is reached by."""

    source: str
    target: str
    ends: frozenset[NamespaceRef]
    protocol: str = "icmp"
    port: int | None = None
    length: int | None = None
    called: str = ""
    over: str = ""

    def flow(self, naming: Naming, source_port: int) -> Flow:
        origin = naming.place(self.source)
        address = naming.address(self.target, origin)
        length = self.length or least_length(self.protocol)
        probe = Probe(origin, address, self.protocol, self.port, source_port, length=length)
        return Flow(f"{naming.shown(origin)} > {self._end()}", probe, self.ends)

    def _end(self) -> str:
        called = self.called or self.target
        end = f"{called}/icmp" if self.port is None else f"{called}:{self.port}/{self.protocol}"
        over = f" over {self.over}" if self.over else ""
        return end + over + (f", {self.length} bytes" if self.length else "")


def _wishes(naming: Naming, outside: Sequence[str], world: World) -> Iterator[_Wish]:
    nodes = [node.name for node in naming.state.nodes.values() if node.membership is Membership.MEMBER]
    for one, other in permutations(nodes, 2):
        yield _Wish(one, other, frozenset({NamespaceRef(other)}))
    yield from _published(naming, nodes, outside)
    there = world.states.keys() & set(naming.namespaces)
    occupants = [each for each in naming.occupants() if naming.home(each) in there]
    for occupant in occupants:
        yield from _east_west(naming, world, occupant)
    for network in naming.state.networks.values():
        yield from _of_full_size(naming, network, occupants)
    for occupant in occupants:
        for name in outside[:1] if _has_a_way_out(naming, occupant) else ():
            yield _Wish(str(naming.home(occupant)), name, frozenset({NamespaceRef(name)}))


def _published(naming: Naming, nodes: Sequence[str], outside: Sequence[str]) -> Iterator[_Wish]:
    for service in naming.state.services.values():
        ends = _homes(naming, service)
        for port, node in product(service.ingress_ports, nodes if ends else ()):
            for source, target in (*((name, node) for name in outside), (node, _LOOPBACK)):
                yield _Wish(source, target, ends, port.protocol.value, port.published)


def _east_west(naming: Naming, world: World, occupant: Task | Container) -> Iterator[_Wish]:
    """To every service it shares a network with, on the ports that the service's tasks listen on."""
    source = str(naming.home(occupant))
    for network in (naming.state.networks[attachment.network] for attachment in occupant.attachments):
        here = [service for service in naming.state.services.values() if network.id in service.vips]
        for service in () if network.ingress else here:
            vip, name, ends = service.vips[network.id].ip, service.spec.name, _homes(naming, service)
            for it in _listeners(world, ends):
                yield _Wish(source, str(vip), ends, it.protocol, it.port, called=name, over=network.name)


def _of_full_size(naming: Naming, network: Network, occupants: Sequence[Task | Container]) -> Iterator[_Wish]:
    """Echoes as long as the network's interfaces take, from each container to the next one on another node."""
    there = [(each, address) for each in occupants if (address := _address_on(each, network.id))]
    for number, (occupant, _) in enumerate(there):
        others = [other for other in (*there[number:], *there[:number]) if other[0].node != occupant.node]
        for other, address in others[:1]:
            home = naming.home(other)
            yield _Wish(
                str(naming.home(occupant)),
                str(address),
                frozenset({home}),
                length=network.mtu,
                called=naming.shown(home),
                over=network.name,
            )


def _address_on(occupant: Task | Container, network: NetworkId) -> IPv4Address | None:
    return next((each.address.ip for each in occupant.attachments if each.network == network), None)


def _has_a_way_out(naming: Naming, occupant: Task | Container) -> bool:
    """From internal networks there is none."""
    if any(not naming.state.networks[each.network].internal for each in occupant.attachments):
        return True
    return isinstance(occupant, Container) and occupant.on_default_bridge


def _homes(naming: Naming, service: Service) -> frozenset[NamespaceRef]:
    """Where its tasks are that have come up."""
    return frozenset(naming.home(task) for task in naming.state.placed_tasks(service=service.id) if task.serves)


def _listeners(world: World, homes: frozenset[NamespaceRef]) -> list[Listener]:
    """Those that are in each of ``homes``, whatever address asks."""
    there = [(world.listeners or {}).get(home, frozenset[Listener]()) for home in homes]
    common = frozenset.intersection(*there) if there else frozenset[Listener]()
    return sorted((each for each in common if each.address is None), key=lambda each: (each.protocol, each.port))
