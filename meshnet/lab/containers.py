"""The containers of a lab: started and stopped as the state has them, and what people do to them meanwhile."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Interface

from meshnet.errors import InputError, LabError, Refusal, RefusedError
from meshnet.kernel.namespaces import NetNamespace
from meshnet.lab.workloads import Catalogue, TaskContext
from meshnet.lab.workloads.console import Console
from meshnet.lab.workloads.entering import Container as EnteredContainer
from meshnet.lab.workloads.task import Home, Running
from meshnet.model import (
    SECOND,
    ClusterState,
    Container,
    ContainerId,
    ContainerState,
    NetworkMode,
    Task,
    TaskState,
)
from meshnet.model.image import tagged
from meshnet.netstate import NamespaceRef
from meshnet.orchestrator.commands import Command, ContainerExited, ContainerRefused, ContainerStarted

Namespaces = Mapping[NamespaceRef, NetNamespace]
Submit = Callable[[Command], object]
Resolution = Callable[[ClusterState, Task | Container], str]
"""What a container's ``/etc/resolv.conf`` says."""

KILLED = 128 + signal.SIGKILL


@dataclass
class _Held:
    """A container that runs or has run: its streams, and what runs in it."""

    console: Console
    entered: EnteredContainer | None = None
    running: Running | None = None
    stopping: asyncio.Task[None] | None = None
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class Containers:
    """Follows the state: call ``prepare`` before the kernel does, and ``start`` afterwards.

    Belongs to the event loop's thread. What happens to a container is submitted as a report.
    """

    def __init__(
        self, catalogue: Catalogue, home_of: Callable[[str], Home], resolution: Resolution, submit: Submit
    ) -> None:
        self._catalogue = catalogue
        self._home_of = home_of
        self._resolution = resolution
        self._submit = submit
        self._held: dict[ContainerId, _Held] = {}

    def prepare(self, state: ClusterState) -> None:
        """Ask those to end that are to, and end at once what has no place any more."""
        known = {each.container: each for each in _all(state)}
        for id, held in list(self._held.items()):
            each = known.get(id)
            if held.running is not None and (each is None or not each.placed):
                self._end_at_once(held)
            elif isinstance(each, Task) and each.stopping and held.running is not None and held.stopping is None:
                held.stopping = asyncio.create_task(
                    self.stop(id, signal_number(each.spec.stop_signal), each.spec.stop_grace_period)
                )
            if each is None:
                del self._held[id]

    async def start(self, state: ClusterState, namespaces: Namespaces) -> None:
        """Start those that are new: their namespaces are there and their rules in place."""
        new = [each for each in _all(state) if _to_be_started(each) and not self._runs(each.container)]
        await asyncio.gather(*(self._start(state, each, namespaces) for each in new))

    @property
    def running(self) -> dict[ContainerId, int]:
        """Those that run, and their first processes as ``pid`` has them."""
        return {id: held.running.pid for id, held in self._held.items() if held.running is not None}

    async def end_stopping(self) -> None:
        """Kill those that have been asked to end and haven't yet, and wait until they have."""
        for held in list(self._held.values()):
            if held.stopping is not None and held.running is not None:
                held.running.signal(signal.SIGKILL)
                await held.ended.wait()

    def console(self, container: Task | Container) -> Console:
        """A container's streams, whether it has run or not."""
        if container.container not in self._held:
            self._held[container.container] = _Held(_new_console(container))
        return self._held[container.container].console

    def entered(self, id: ContainerId) -> EnteredContainer:
        """A running container, to start programs in. Raises ``RefusedError`` for one that isn't running."""
        held = self._held.get(id)
        if held is None or held.entered is None:
            raise _not_running(id)
        return held.entered

    def signal(self, id: ContainerId, number: int) -> None:
        """Signal a container's first process. Raises ``RefusedError`` for one that isn't running."""
        held = self._held.get(id)
        if held is None or held.running is None:
            raise _not_running(id)
        held.running.signal(number)

    async def stop(self, id: ContainerId, number: int, grace: int) -> None:
        """Signal it, and kill it ``grace`` nanoseconds later if it still runs; return when it has ended."""
        held = self._held.get(id)
        if held is None or held.running is None:
            return
        held.running.signal(number)
        try:
            async with asyncio.timeout(grace / SECOND):
                await held.ended.wait()
        except TimeoutError:
            if held.running is not None:
                held.running.signal(signal.SIGKILL)
            await held.ended.wait()

    def pid(self, id: ContainerId) -> int:
        """The first process of a container, as the node sees it; 0 for one that the lab's own process serves."""
        held = self._held.get(id)
        return held.running.pid if held is not None and held.running is not None else 0

    def _runs(self, id: ContainerId) -> bool:
        return id in self._held and self._held[id].running is not None

    async def _start(self, state: ClusterState, each: Task | Container, namespaces: Namespaces) -> None:
        assert each.node is not None
        node = state.nodes[each.node].name
        console = self.console(each)
        held = self._held[each.container]
        try:
            workload = self._catalogue.workload(each.spec.image)
        except InputError:
            self._submit(ContainerRefused(each.container, f"No such image: {tagged(each.spec.image)}"))
            return
        context = TaskContext(
            image=each.spec.image,
            task_id=each.id,
            task_name=each.name,
            container_id=each.container,
            node_name=node,
            namespace=namespaces[_namespace(node, each)],
            home=self._home_of(node),
            addresses=_addresses(each),
            command=each.spec.command,
            args=each.spec.args,
            env=dict(variable.split("=", 1) for variable in each.spec.env if "=" in variable),
            own_hostname=each.hostname,
            resolv_conf=self._resolution(state, each),
            console=console,
            on_exit=lambda status: self._ended(held, each.container, status),
        )
        held.ended.clear()
        held.stopping = None
        try:
            held.running = await workload.start(context)
        except LabError as error:
            self._submit(ContainerRefused(each.container, str(error)))
            return
        held.entered = EnteredContainer(context, held.running)
        self._submit(ContainerStarted(each.container, held.running.pid))

    def _ended(self, held: _Held, id: ContainerId, status: int) -> None:
        """A container has come to its end, by itself or because it was signalled."""
        self._let_go(held)
        self._submit(ContainerExited(id, status))
        held.ended.set()

    def _end_at_once(self, held: _Held) -> None:
        """Its place is gone: nobody is told, as whoever took the place away knows."""
        self._let_go(held)
        held.ended.set()

    def _let_go(self, held: _Held) -> None:
        if held.entered is not None:
            held.entered.stop()
        held.entered = held.running = None


def _new_console(container: Task | Container) -> Console:
    """A task's container has nobody to type at it."""
    if isinstance(container, Task):
        return Console()
    return Console(terminal=container.spec.terminal, open_stdin=container.spec.open_stdin)


def _all(state: ClusterState) -> Iterator[Task | Container]:
    yield from state.tasks.values()
    yield from state.containers.values()


def _to_be_started(each: Task | Container) -> bool:
    if isinstance(each, Task):
        return each.placed and each.state is TaskState.STARTING
    return each.wanted and each.placed and each.state is not ContainerState.RUNNING


def _namespace(node: str, each: Task | Container) -> NamespaceRef:
    if isinstance(each, Container) and NetworkMode.HOST in each.spec.networks:
        return NamespaceRef(node)
    return NamespaceRef(node, each.sandbox_file)


def _addresses(each: Task | Container) -> tuple[IPv4Interface, ...]:
    own = tuple(attachment.address for attachment in each.attachments)
    return own if isinstance(each, Task) else (*own, *each.bridges.values())


def _not_running(id: ContainerId) -> RefusedError:
    return RefusedError(f"container {id} is not running", Refusal.FAILED_PRECONDITION)


def signal_number(name: str) -> int:
    """``SIGTERM``, ``TERM``, ``term`` or ``15``; the one Docker stops containers with if there is no name. Raises
    ``RefusedError`` for one that is none."""
    if not name:
        return signal.SIGTERM
    if name.isdecimal() and int(name) in set(signal.Signals):
        return int(name)
    known = f"SIG{name.upper().removeprefix('SIG')}"
    if known not in signal.Signals.__members__:
        raise RefusedError(f"invalid signal: {name}")
    return signal.Signals[known]
