"""A service: what somebody asked for, and what the swarm gave it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Interface

from meshnet.model.ids import NetworkId, ServiceId


class Protocol(StrEnum):
    TCP = "tcp"
    UDP = "udp"
    SCTP = "sctp"


class PublishMode(StrEnum):
    INGRESS = "ingress"
    HOST = "host"


class EndpointMode(StrEnum):
    VIP = "vip"
    DNSRR = "dnsrr"


@dataclass(frozen=True, slots=True)
class PortConfig:
    """One published port. ``published`` is 0 until the swarm has given one (30000-32767)."""

    target: int
    published: int
    protocol: Protocol = Protocol.TCP
    mode: PublishMode = PublishMode.INGRESS

    def __str__(self) -> str:
        """As ``docker service ls`` prints it: ``*:8000->80/tcp``."""
        return f"*:{self.published}->{self.target}/{self.protocol}"


@dataclass(frozen=True, slots=True)
class ServiceSpec:
    """What somebody asked for. ``networks`` are names, in the order given. ``labels`` are the service's own.

    ``command`` replaces the image's entry point and ``args`` its command, as in Docker's API. ``aliases`` are further
    names its tasks answer to, by network.

    ``pins`` says which node a slot runs on (slot number to node name) and which slots are used first, in its order: not
    Docker's, a lab's: a story needs its tasks where the story has them.
    """

    name: str
    image: str
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    replicas: int = 1
    networks: tuple[str, ...] = ()
    aliases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    ports: tuple[PortConfig, ...] = ()
    endpoint_mode: EndpointMode = EndpointMode.VIP
    constraints: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    container_labels: Mapping[str, str] = field(default_factory=dict)
    pins: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Service:
    """A service the swarm has taken on: its spec, its ports as given and its virtual address on each network.

    ``networks`` holds the ids of the user networks its tasks join, in the order of their ids as the docker client sorts
    them. The ingress network is not among them.
    """

    id: ServiceId
    spec: ServiceSpec
    networks: tuple[NetworkId, ...] = ()
    ports: tuple[PortConfig, ...] = ()
    vips: Mapping[NetworkId, IPv4Interface] = field(default_factory=dict)

    @property
    def ingress_ports(self) -> tuple[PortConfig, ...]:
        """The ports that every node publishes."""
        return tuple(port for port in self.ports if port.mode is PublishMode.INGRESS)
