"""A task: one copy of a service on one node, and the container that carries it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv4Interface

from meshnet.model.ids import ContainerId, NetworkId, NodeId, ServiceId, TaskId, short_id


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

    ``node`` is None while no node fits, and ``message`` then says why.
    """

    id: TaskId
    service: ServiceId
    service_name: str
    slot: int
    image: str
    container: ContainerId
    sandbox: str
    node: NodeId | None = None
    state: TaskState = TaskState.NEW
    desired: TaskState = TaskState.RUNNING
    attachments: tuple[Attachment, ...] = ()
    message: str = ""

    @property
    def name(self) -> str:
        """The container's name: ``whoami.1.<task id>``."""
        return f"{self.service_name}.{self.slot}.{self.id}"

    @property
    def hostname(self) -> str:
        """Its host name: the short container id."""
        return short_id(self.container)

    @property
    def sandbox_file(self) -> str:
        """Name of its network namespace under ``/var/run/docker/netns``: the sandbox id's first 12 digits."""
        return short_id(self.sandbox)

    @property
    def running(self) -> bool:
        """Whether it holds its place in the kernel: scheduled, and not on its way out."""
        return self.node is not None and self.state is TaskState.RUNNING

    def address_on(self, network: NetworkId) -> IPv4Interface | None:
        """Its address on ``network``, or None where it isn't on it."""
        for attachment in self.attachments:
            if attachment.network == network:
                return attachment.address
        return None
