"""What a workload is told about its task, and what it answers to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from ipaddress import IPv4Interface
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # it brings asyncio along, and the catalogue is also read where nothing will run
    from meshnet.lab.workloads.console import Console

SHORT_ID = 12
"""Characters of a container id that Docker shows, and gives the container as its host name."""


class TaskNamespace(Protocol):
    """The task's network namespace."""

    @property
    def fd(self) -> int:
        """A descriptor of it."""

    def entered(self) -> AbstractContextManager[object]:
        """Put the calling thread inside for the length of a ``with``."""


class Home(Protocol):
    """The namespaces of the node that a task's program finds its files in."""

    @property
    def mount(self) -> int:
        """A descriptor of the node's mount namespace."""


def _console() -> Console:
    from meshnet.lab.workloads.console import Console

    return Console()


def _nobody_minds(status: int) -> None:
    del status


@dataclass(frozen=True, slots=True)
class TaskContext:
    """One task, as its workload needs to know it.

    ``image`` is as the service has it, ``container_id`` 64 hexadecimal digits. ``addresses`` are the task's own on
    its overlays, ingress first. ``command`` and ``args`` are the service's: they replace the image's entry point and
    its command, as Docker has it. ``console`` has its streams, and keeps what it says. ``own_hostname`` is one that
    somebody asked for. ``on_exit`` is called in the event loop when the workload ends, by itself or by a signal, with
    its exit status (128 and the signal's number for one that was killed).
    """

    image: str
    task_id: str
    task_name: str
    container_id: str
    node_name: str
    namespace: TaskNamespace
    home: Home | None = None
    addresses: tuple[IPv4Interface, ...] = ()
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    resolv_conf: str = "nameserver 127.0.0.11\noptions ndots:0\n"
    console: Console = field(default_factory=_console)
    own_hostname: str = ""
    on_exit: Callable[[int], None] = _nobody_minds

    @property
    def hostname(self) -> str:
        return self.own_hostname or self.container_id[:SHORT_ID]


class Running(Protocol):
    """A workload that has started."""

    @property
    def pid(self) -> int:
        """Its process, as the node sees it; 0 for one that the lab's own process serves."""

    def signal(self, number: int) -> None:
        """As a container's first process takes a signal; where that ends it, ``on_exit`` is called."""

    def stop(self) -> None:
        """End it at once, as a killed container ends; nothing is reported. Does nothing the second time."""


class Workload(Protocol):
    """What an image stands for: the value of an entry point under ``meshnet.workloads``, or an instance of a class
    there, which is called without arguments."""

    async def start(self, task: TaskContext) -> Running:
        """Start in the running event loop. What it listens on it is listening on when this returns. Raises
        ``LabError`` where it can't."""
