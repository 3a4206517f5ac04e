"""A service: what somebody asked for, and what the swarm gave it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Interface

from meshnet.model.clock import SECOND
from meshnet.model.ids import NetworkId, NodeId, ServiceId
from meshnet.model.meta import Meta
from meshnet.model.policy import RestartPolicy, Rollout, UpdateConfig, UpdateStatus
from meshnet.model.stored import StoredFile

DEFAULT_STOP_GRACE = 10 * SECOND
"""Between asking a container to stop and killing it."""


class Protocol(StrEnum):
    TCP = "tcp"
    UDP = "udp"
    SCTP = "sctp"


class PublishMode(StrEnum):
    INGRESS = "ingress"
    HOST = "host"


class ServiceMode(StrEnum):
    """``replicated`` has so many tasks, ``global`` one on every node that fits."""

    REPLICATED = "replicated"
    GLOBAL = "global"


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
    names its tasks answer to, by network. ``preferences`` are the node labels to spread over (``node.labels.rack``).
    What is None is not said: ``restart_policy``, ``update_config``, ``rollback_config`` and ``stop_grace_period``
    have Docker's defaults then. ``force_update`` counts ``docker service update --force``. ``container_extras`` and
    ``task_extras`` are further fields of the API's ContainerSpec and TaskSpec, as they came: they have no bearing on
    the mesh and are given back.

    ``pins`` says which node a slot runs on (slot number to node name) and which slots are used first, in its order: not
    Docker's, a lab's: a story needs its tasks where the story has them.
    """

    name: str
    image: str
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    hostname: str = ""
    mode: ServiceMode = ServiceMode.REPLICATED
    replicas: int = 1
    networks: tuple[str, ...] = ()
    aliases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    ports: tuple[PortConfig, ...] = ()
    endpoint_mode: EndpointMode = EndpointMode.VIP
    constraints: tuple[str, ...] = ()
    preferences: tuple[str, ...] = ()
    max_replicas: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)
    container_labels: Mapping[str, str] = field(default_factory=dict)
    files: tuple[StoredFile, ...] = ()
    stop_signal: str = ""
    stop_grace: int | None = None
    restart: RestartPolicy | None = None
    update: UpdateConfig | None = None
    rollback: UpdateConfig | None = None
    force_update: int = 0
    container_extras: Mapping[str, object] = field(default_factory=dict)
    task_extras: Mapping[str, object] = field(default_factory=dict)
    pins: Mapping[int, str] = field(default_factory=dict)

    @property
    def restart_policy(self) -> RestartPolicy:
        return self.restart or RestartPolicy()

    @property
    def update_config(self) -> UpdateConfig:
        return self.update or UpdateConfig()

    @property
    def rollback_config(self) -> UpdateConfig:
        return self.rollback or UpdateConfig()

    @property
    def stop_grace_period(self) -> int:
        """Nanoseconds between the stop signal and SIGKILL."""
        return DEFAULT_STOP_GRACE if self.stop_grace is None else self.stop_grace


@dataclass(frozen=True, slots=True)
class Service:
    """A service the swarm has taken on: its spec, its ports as given and its virtual address on each network.

    ``networks`` holds the ids of the user networks its tasks join, in the order of their ids as the docker client sorts
    them. The ingress network is not among them. ``spec_version`` is the state's version that its spec is from,
    ``previous`` the spec before that one (a rollback's goal), ``update_status`` how far its last update has come.

    ``rollout`` is there while an update goes on, ``failures`` are the latest instants at which its tasks failed on each
    node. Neither is Docker's to show, so that their changes are none of the service's own: they leave its version.
    """

    id: ServiceId
    spec: ServiceSpec
    networks: tuple[NetworkId, ...] = ()
    ports: tuple[PortConfig, ...] = ()
    vips: Mapping[NetworkId, IPv4Interface] = field(default_factory=dict)
    previous: ServiceSpec | None = None
    spec_version: int = 0
    update_status: UpdateStatus | None = None
    rollout: Rollout | None = field(default=None, compare=False)
    failures: Mapping[NodeId, tuple[int, ...]] = field(default_factory=dict, compare=False)
    meta: Meta = field(default_factory=Meta, compare=False)

    @property
    def ingress_ports(self) -> tuple[PortConfig, ...]:
        """The ports that every node publishes."""
        return tuple(port for port in self.ports if port.mode is PublishMode.INGRESS)
