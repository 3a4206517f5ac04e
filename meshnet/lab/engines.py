"""What faces ask of a running lab: its state, changes to it, and its containers.

Everything in here belongs to the event loop's thread.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from meshnet.lab.workloads import Catalogue
from meshnet.model import ClusterState, ContainerId
from meshnet.orchestrator import Command


@dataclass(frozen=True, slots=True)
class ExecSpec:
    """A program for a container that runs already. ``env`` comes on top of the container's own."""

    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    folder: str = ""
    terminal: bool = False


class Process(Protocol):
    """A child of the lab's; ``subprocess.Popen`` is one. ``returncode`` is minus the signal for one that was killed."""

    pid: int

    def poll(self) -> int | None: ...

    def wait(self) -> int: ...


class Spawner(Protocol):
    """Starts a program with these descriptors as its streams; ``controlling`` says that they are one terminal."""

    def __call__(self, stdin: int, stdout: int, stderr: int, controlling: bool) -> Process: ...


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line that a container said: ``stream`` is 1 for its output and 2 for its error output, ``time`` in nanoseconds,
    ``text`` without the line's end."""

    time: int
    stream: int
    text: bytes


@dataclass(frozen=True, slots=True)
class ContainerProcess:
    """A line of ``docker top``."""

    pid: int
    parent: int
    command: str
    started: str = ""
    cpu: str = "00:00:00"


class Engines(Protocol):
    """A lab's engines, seen by an API or a command line."""

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
        """Send a running container's first process a signal. Raises ``RefusedError`` when it isn't running."""

    async def stop(self, container: ContainerId, signal: int, grace: int) -> None:
        """Ask a container to end, kill it ``grace`` nanoseconds later, and return when it has ended (and its state says
        so). Does nothing to one that isn't running."""

    def spawner(self, container: ContainerId, program: ExecSpec) -> Spawner:
        """How to start a program in a running container. Raises ``RefusedError`` when it isn't running; the spawner
        itself raises ``FileNotFoundError`` and ``PermissionError``."""

    def attach(self, container: ContainerId) -> AsyncIterator[LogLine]:
        """What a container says from now on, until it ends."""

    def write(self, container: ContainerId, data: bytes) -> None:
        """Give a container that was created with an open standard input some more of it; nothing (b"") ends it."""

    def logs(
        self, container: ContainerId, *, follow: bool = False, since: int = 0, tail: int | None = None
    ) -> AsyncIterator[LogLine]:
        """What a container has said since ``since`` (nanoseconds), its last ``tail`` lines only where given, and with
        ``follow`` what it goes on to say until it ends. Ends at once for one that never ran."""

    def processes(self, container: ContainerId) -> Sequence[ContainerProcess]:
        """What runs in a container, its first process first."""
