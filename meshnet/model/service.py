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
    """What somebody asked for. ``networks`` are names, in the order given.

    ``pins`` says which node each slot must run on (slot number to node name): not Docker's, a lab's: a story needs its
    tasks where the story has them. ``addresses`` likewise gives a slot's address on a network, by network name, and a
    slot of 0 there is the service's VIP.
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
    next_slot: int = 1

    @property
    def ingress_ports(self) -> tuple[PortConfig, ...]:
        """The ports that every node publishes."""
        return tuple(port for port in self.ports if port.mode is PublishMode.INGRESS)
