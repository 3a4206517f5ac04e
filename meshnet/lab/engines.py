"""What faces ask of a running lab: its state, changes to it, and its containers.

Everything in here belongs to the event loop's thread.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from meshnet.lab.programs import Client, Spawner
from meshnet.lab.workloads import Catalogue
from meshnet.lab.workloads.entering import ContainerProgram
from meshnet.lab.workloads.logs import LogBuffer
from meshnet.model import ClusterState, ContainerId
from meshnet.orchestrator import Command


@dataclass(frozen=True, slots=True)
class ContainerProcess:
    """A line of ``docker top``; ``started`` is ``HH:MM``, ``cpu`` the time it used."""

    user: str
    pid: int
    parent: int
    started: str
    terminal: str
    cpu: str
    command: str


class Engines(Protocol):
    """A lab's engines, seen by an API or a command line.

    Containers are named by their whole ids. What asks something of a container that isn't running raises
    ``RefusedError``.
    """

    @property
    def state(self) -> ClusterState:
        """The swarm and its engines as of now. A value: it never changes under its reader."""

    @property
    def catalogue(self) -> Catalogue:
        """The images there are."""

    def now(self) -> int:
        """The lab's clock: nanoseconds since the epoch."""

    def submit(self, command: Command) -> ClusterState:
        """Take the step at once; the kernel and the containers follow by themselves. Raises ``UserError`` (mostly a
        ``RefusedError``) with everything as it was."""

    def listen(self, listener: Callable[[ClusterState, ClusterState], None]) -> Callable[[], None]:
        """Have ``listener`` told of every change, with the state before and after; what is returned ends that."""

    async def changed(self) -> None:
        """Return after the next change of the state."""

    async def followed(self) -> None:
        """Return once the kernel and the containers are where the state of this moment has them."""

    def signal(self, container: ContainerId, number: int) -> None:
        """Send a running container's first process a signal."""

    async def stop(self, container: ContainerId, signal: int, grace: int) -> None:
        """Ask a container to end, kill it ``grace`` nanoseconds later, and return when it has ended (and its state says
        so). Does nothing to one that isn't running."""

    async def spawner(self, container: ContainerId, program: ContainerProgram) -> Spawner:
        """What starts a program in a running container. It raises ``FailedStart`` in Docker's words."""

    async def attach(self, container: ContainerId, client: Client) -> None:
        """Join a client to a container's own streams until the container ends: what it says from now on, and, where its
        standard input is open, what the client types. The container may still have to be started."""

    def resize(self, container: ContainerId, rows: int, columns: int) -> None:
        """Give a container's terminal its size; one that isn't started yet starts with it."""

    def log(self, container: ContainerId) -> LogBuffer:
        """What a container has said. An empty one, closed, for a container that never ran."""

    async def pid(self, container: ContainerId) -> int:
        """The process, as its node sees it, by which a running container's namespaces are entered."""

    async def processes(self, container: ContainerId) -> Sequence[ContainerProcess]:
        """What runs in a running container, its first process first; a served one has a line that stands for it."""
