"""A container that somebody started on one node with ``docker run``, outside any service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Interface

from meshnet.model.bridge import DEFAULT_BRIDGE
from meshnet.model.ids import ContainerId, NetworkId, NodeId, short_id
from meshnet.model.policy import RestartCondition
from meshnet.model.service import PortConfig
from meshnet.model.task import Attachment


class ContainerState(StrEnum):
    """``State.Status`` of a container, as far as they are seen here."""

    CREATED = "created"
    RUNNING = "running"
    EXITED = "exited"


class NetworkMode(StrEnum):
    """Networks of ``docker run --network`` that are not networks."""

    NONE = "none"
    HOST = "host"


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """What somebody asked for. ``networks`` are names: of attachable overlays, of the node's own bridge networks, or a
    ``NetworkMode`` alone; none given is the node's ``bridge``. ``aliases`` are further names, by network, ``addresses``
    wished ones. ``ports`` are host-mode. ``extras`` are the API's further fields as they came, without bearing here."""

    name: str
    image: str
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    hostname: str = ""
    networks: tuple[str, ...] = ()
    aliases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    addresses: Mapping[str, str] = field(default_factory=dict)
    ports: tuple[PortConfig, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    terminal: bool = False
    open_stdin: bool = False
    auto_remove: bool = False
    restart: RestartCondition = RestartCondition.NONE
    max_attempts: int = 0
    stop_signal: str = ""
    stop_grace: int | None = None
    extras: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Container:
    """A container outside any service, and what its node gave it.

    ``attachments`` are its places on overlay networks, ``bridges`` its addresses on bridge networks that somebody made
    on its node, by network id; that on the default ``bridge`` is in the node's ``EngineState.gateways``. ``ports`` are
    as published, with the numbers its node chose. Instants are nanoseconds; ``wanted`` says whether it is to run: what
    somebody asked last. ``start_after`` holds a restart back.
    """

    id: ContainerId
    node: NodeId
    spec: ContainerSpec
    sandbox: str
    state: ContainerState = ContainerState.CREATED
    wanted: bool = False
    attachments: tuple[Attachment, ...] = ()
    bridges: Mapping[NetworkId, IPv4Interface] = field(default_factory=dict)
    ports: tuple[PortConfig, ...] = ()
    created: int = 0
    started: int = 0
    finished: int = 0
    exit_code: int = 0
    error: str = ""
    pid: int = 0
    restarts: int = 0
    start_after: int | None = None

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def hostname(self) -> str:
        return self.spec.hostname or short_id(self.id)

    @property
    def container(self) -> ContainerId:
        """Its id, as a task's container has one."""
        return self.id

    @property
    def sandbox_file(self) -> str:
        """Name of its network namespace under ``/var/run/docker/netns``."""
        return short_id(self.sandbox)

    @property
    def placed(self) -> bool:
        """Whether it has a network namespace in the kernel: from being started until it has ended."""
        return self.wanted or self.state is ContainerState.RUNNING

    @property
    def starting(self) -> bool:
        """Whether its engine is to start it now."""
        return self.wanted and self.state is not ContainerState.RUNNING and self.start_after is None

    @property
    def on_default_bridge(self) -> bool:
        """Whether it has its place on its node's ``bridge``: asked for, or for want of any other network."""
        return not self.spec.networks or DEFAULT_BRIDGE in self.spec.networks
