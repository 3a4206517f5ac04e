"""Swarms, changes of them and packets, drawn; and what they come to in a running lab."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv4Network
from typing import Literal, TypeVar

from hypothesis import strategies as st

from meshnet.lab.control.wire import Json
from meshnet.model import Availability, NetworkSpec, NodeRole, PortConfig, Protocol, ServiceSpec
from meshnet.orchestrator import Command, CreateNetwork, CreateService, RemoveService, ScaleService
from meshnet.orchestrator.commands import UpdateNode

NODES = ("swarm-manager", "swarm-worker1", "swarm-worker2")
TARGET = 7
"""The port that echoes listen on."""
FIRST_PUBLISHED = 7000
CLOSED = 9
"""A port that nobody has published and nobody listens on."""

_Item = TypeVar("_Item")

SourceKind = Literal["client", "node", "task", "sandbox"]
DestinationKind = Literal["node", "localhost", "own", "gwbridge", "vip", "task", "client", "nobody"]
PortKind = Literal["published", "target", "closed"]
ChangeKind = Literal["scale", "drain", "remove"]

NOBODY = ("192.168.56.200", "10.0.0.250", "10.0.1.250", "172.18.0.77", "172.17.0.9", "10.99.0.1", "8.8.8.8")
"""Addresses that nobody has: on the underlay, on networks, on bridges, and where no route leads."""


@dataclass(frozen=True, slots=True)
class DrawnService:
    """``networks`` are numbers of the swarm's own. Its number is in its name and in its published port."""

    networks: tuple[int, ...]
    published: tuple[Protocol, ...]
    replicas: int
    image: str


@dataclass(frozen=True, slots=True)
class Change:
    """``number`` is that of a service, or of a node to drain."""

    kind: ChangeKind
    number: int
    replicas: int = 0


@dataclass(frozen=True, slots=True)
class DrawnPacket:
    """Numbers pick one of those that there are, whatever their count."""

    source: SourceKind
    at: int
    destination: DestinationKind
    to: int
    protocol: str
    port: PortKind
    ttl: int | None = None
    size: int | None = None


@dataclass(frozen=True, slots=True)
class DrawnSwarm:
    """``drained`` are the nodes that are out before any service comes; ``packets`` are sent after the change."""

    networks: int
    services: tuple[DrawnService, ...]
    drained: tuple[int, ...]
    change: Change | None
    packets: tuple[DrawnPacket, ...]

    def commands(self) -> list[Command]:
        """What makes it, but for the change."""
        networks = [CreateNetwork(NetworkSpec(f"n{number}")) for number in range(self.networks)]
        services = [CreateService(_spec(number, service)) for number, service in enumerate(self.services)]
        return [*map(_drain, self.drained), *networks, *services]

    def changing(self) -> list[Command]:
        change = self.change
        if change is None:
            return []
        if change.kind == "drain":
            return [_drain(change.number)]
        name = f"s{change.number % len(self.services)}"
        return [ScaleService(name, change.replicas) if change.kind == "scale" else RemoveService(name)]


def _spec(number: int, service: DrawnService) -> ServiceSpec:
    ports = (PortConfig(TARGET, FIRST_PUBLISHED + number, protocol) for protocol in service.published)
    networks = tuple(f"n{each}" for each in service.networks)
    echoes = service.image == "meshnet/echo"
    env = () if echoes else (f"PORT={TARGET}",)
    return ServiceSpec(
        f"s{number}", service.image, env=env, replicas=service.replicas, networks=networks, ports=tuple(ports)
    )


def _drain(number: int) -> Command:
    name = NODES[number % len(NODES)]
    role = NodeRole.MANAGER if name == "swarm-manager" else NodeRole.WORKER
    return UpdateNode(name, role, Availability.DRAIN)


_NUMBERS = st.integers(0, 5)
_PROTOCOLS = st.sampled_from(["tcp", "tcp", "udp", "udp", "icmp", "sctp"])


@st.composite
def _services(draw: st.DrawFn, networks: int) -> DrawnService:
    joined = draw(st.lists(st.integers(0, networks - 1), unique=True, max_size=2)) if networks else []
    return DrawnService(
        tuple(joined),
        tuple(draw(st.lists(st.sampled_from(Protocol), unique=True, max_size=3))),
        draw(st.integers(0, 3)),
        draw(st.sampled_from(["meshnet/echo", "meshnet/echo", "jwilder/whoami"])),
    )


_CHANGES = st.one_of(
    st.none(),
    st.builds(Change, st.just("scale"), _NUMBERS, st.integers(0, 4)),
    st.builds(Change, st.sampled_from(["drain", "remove"]), _NUMBERS),
)

_SOURCES: st.SearchStrategy[SourceKind] = st.sampled_from(["client", "node", "task", "task", "sandbox"])
_DESTINATIONS: st.SearchStrategy[DestinationKind] = st.sampled_from(
    ["node", "node", "localhost", "own", "gwbridge", "vip", "vip", "task", "client", "nobody"]
)


@st.composite
def packets(draw: st.DrawFn) -> DrawnPacket:
    protocol = draw(_PROTOCOLS)
    sizes = st.one_of(st.none(), st.none(), st.sampled_from([1450, 1451, 1472, 1500, 1501, 9000]))
    return DrawnPacket(
        draw(_SOURCES),
        draw(_NUMBERS),
        draw(_DESTINATIONS),
        draw(_NUMBERS),
        protocol,
        draw(st.sampled_from(["published", "published", "target", "closed"])),
        draw(st.one_of(st.none(), st.none(), st.integers(1, 4))),
        draw(sizes) if protocol in ("udp", "icmp") else None,
    )


@st.composite
def swarms(draw: st.DrawFn, count: int = 5) -> DrawnSwarm:
    """With ``count`` packets: making a swarm takes longer than seeing where a packet goes in it."""
    networks = draw(st.integers(0, 2))
    return DrawnSwarm(
        networks,
        tuple(draw(st.lists(_services(networks), min_size=1, max_size=3))),
        tuple(draw(st.lists(st.integers(0, 2), unique=True, max_size=1))),
        draw(_CHANGES),
        tuple(draw(st.lists(packets(), min_size=count, max_size=count))),
    )


@dataclass(frozen=True, slots=True)
class Places:
    """A lab's status as a drawn packet finds its ends in it."""

    status: Json

    def request(self, packet: DrawnPacket) -> Json:
        """What the operation ``trace`` is asked. A task or a VIP that there is none of becomes a node."""
        source, node = self._source(packet)
        port = {} if packet.protocol == "icmp" else {"port": self._port(packet)}
        asked = {"ttl": packet.ttl, "size": packet.size}
        return {
            "source": source,
            "destination": self._destination(packet, node),
            "protocol": packet.protocol,
            **port,
            **{name: value for name, value in asked.items() if value is not None},
        }

    def _source(self, packet: DrawnPacket) -> tuple[str, Json]:
        """Its place, and the node on which it is, or the one that is meant instead."""
        node = _pick(self._nodes, packet.at)
        if packet.source == "client":
            return "client", node
        task = _pick(self._tasks, packet.at) if self._tasks else None
        if packet.source == "task" and task is not None:
            home = next(each for each in self._nodes if each["name"] == task["node"])
            return f"{task['node']}/{task['sandbox']}", home
        return (f"{node['name']}/ingress_sbox" if packet.source == "sandbox" else str(node["name"])), node

    def _destination(self, packet: DrawnPacket, node: Json) -> str:
        match packet.destination:
            case "localhost":
                return "127.0.0.1"
            case "own":
                return _bare(node["address"])
            case "gwbridge":
                return str(IPv4Network(node["gwbridge"])[1])
            case "client":
                return "client"
            case "nobody":
                return _pick(NOBODY, packet.to)
        found = {"vip": self._vips, "task": self._addresses}.get(packet.destination, [])
        return _bare(_pick(found, packet.to) if found else _pick(self._nodes, packet.to)["address"])

    def _port(self, packet: DrawnPacket) -> int:
        published = FIRST_PUBLISHED + packet.to % max(len(self.status["services"]), 1)
        return {"published": published, "target": TARGET, "closed": CLOSED}[packet.port]

    @property
    def _nodes(self) -> list[Json]:
        return [each for each in self.status["nodes"] if each["gwbridge"] is not None]

    @property
    def _tasks(self) -> list[Json]:
        return [each for each in self.status["tasks"] if each["state"] == "running"]

    @property
    def _vips(self) -> list[str]:
        return [vip for service in self.status["services"] for vip in service["vips"].values()]

    @property
    def _addresses(self) -> list[str]:
        return [address for task in self._tasks for address in task["addresses"].values()]


def _pick(of: Sequence[_Item], number: int) -> _Item:
    return of[number % len(of)]


def _bare(address: str) -> str:
    return str(IPv4Interface(address).ip)
