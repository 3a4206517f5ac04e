"""A task: one copy of a service on one node, and the container that carries it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from ipaddress import IPv4Interface

from meshnet.model.ids import ContainerId, NetworkId, NodeId, ServiceId, TaskId, short_id
from meshnet.model.meta import Meta
from meshnet.model.service import PortConfig, ServiceSpec


class TaskState(IntEnum):
    """SwarmKit's task states and their numbers; they only grow (docker-swarm-facts section 4.7)."""

    NEW = 0
    PENDING = 64
    ASSIGNED = 192
    ACCEPTED = 256
    PREPARING = 320
    READY = 384
    STARTING = 448
    RUNNING = 512
    COMPLETE = 576
    SHUTDOWN = 640
    FAILED = 704
    REJECTED = 768
    REMOVE = 800
    ORPHANED = 832


@dataclass(frozen=True, slots=True)
class Attachment:
    """A task's place on one overlay network."""

    network: NetworkId
    address: IPv4Interface


@dataclass(frozen=True, slots=True)
class Task:
    """One copy of a service. ``attachments`` are in the order Docker joins them: ingress first, then user networks.

    ``spec`` is the service's as it was when the task was made, ``ports`` the service's then (a host-mode port has its
    node's choice of number once it runs). A global service's tasks have slot 0. ``node`` is None while no node fits,
    and ``error`` then says why. ``state`` is where it stands, since ``since`` (nanoseconds), ``message`` says so in
    Docker's words; ``desired`` is where it is to come to. ``start_after`` holds a replacement back.

    On its way out (``desired`` above running) its backends first get weight 0 until ``drain_until``; from then on it is
    ``stopping``: its container has been asked to end.
    """

    id: TaskId
    service: ServiceId
    spec: ServiceSpec
    slot: int
    container: ContainerId
    sandbox: str
    node: NodeId | None = None
    ports: tuple[PortConfig, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    spec_version: int = 0
    state: TaskState = TaskState.NEW
    desired: TaskState = TaskState.RUNNING
    since: int = 0
    message: str = ""
    error: str = ""
    pid: int = 0
    exit_code: int | None = None
    start_after: int | None = None
    drain_until: int | None = None
    stopping: bool = False
    meta: Meta = field(default_factory=Meta, compare=False)

    @property
    def service_name(self) -> str:
        return self.spec.name

    @property
    def image(self) -> str:
        return self.spec.image

    @property
    def name(self) -> str:
        """The container's name: ``whoami.1.<task id>``, a global service's ``whoami.<node id>.<task id>``."""
        return f"{self.spec.name}.{self.slot or self.node}.{self.id}"

    @property
    def hostname(self) -> str:
        """Its host name: the short container id, unless the service says another."""
        return self.spec.hostname or short_id(self.container)

    @property
    def sandbox_file(self) -> str:
        """Name of its network namespace under ``/var/run/docker/netns``: the sandbox id's first 12 digits."""
        return short_id(self.sandbox)

    @property
    def placed(self) -> bool:
        """Whether it has a network namespace in the kernel: from its start until its container has ended."""
        return self.node is not None and TaskState.STARTING <= self.state <= TaskState.RUNNING

    @property
    def balanced(self) -> bool:
        """Whether balancers send it connections that exist already; new ones come only to one that ``serves``."""
        return self.placed and not self.stopping

    @property
    def serves(self) -> bool:
        """Whether it is a backend for new connections, and the resolver gives its address."""
        return self.placed and self.desired <= TaskState.RUNNING

    @property
    def wanted(self) -> bool:
        """Whether it is to run, now or once what it waits for has come: it takes up its slot."""
        return self.desired <= TaskState.RUNNING

    @property
    def slot_key(self) -> int | NodeId:
        """What it is one of: a slot, or for a global service a node."""
        return self.slot or self.node or NodeId("")

    @property
    def ended(self) -> bool:
        """Whether it has come to its end, whichever."""
        return self.state > TaskState.RUNNING

    def address_on(self, network: NetworkId) -> IPv4Interface | None:
        """Its address on ``network``, or None where it isn't on it."""
        for attachment in self.attachments:
            if attachment.network == network:
                return attachment.address
        return None
