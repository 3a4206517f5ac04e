"""The engines of a running lab: its control loop and its containers, as faces see them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from meshnet.errors import Refusal, RefusedError
from meshnet.lab.containers import Containers
from meshnet.lab.control_loop import ControlLoop, Listener
from meshnet.lab.engines import ContainerProcess
from meshnet.lab.programs import Client, Spawner
from meshnet.lab.workloads import Catalogue
from meshnet.lab.workloads.console import Console
from meshnet.lab.workloads.entering import ContainerProgram
from meshnet.lab.workloads.logs import LogBuffer
from meshnet.model import ClusterState, Container, ContainerId, Task
from meshnet.orchestrator import Command

_TICKS = os.sysconf("SC_CLK_TCK")


class RunningEngines:
    """``Engines`` of a lab. See there."""

    def __init__(self, control: ControlLoop, containers: Containers, catalogue: Catalogue) -> None:
        self._control = control
        self._containers = containers
        self.catalogue = catalogue

    @property
    def state(self) -> ClusterState:
        return self._control.state

    def now(self) -> int:
        return self._control.now()

    def submit(self, command: Command) -> ClusterState:
        return self._control.submit(command)

    def listen(self, listener: Listener) -> Callable[[], None]:
        return self._control.listen(listener)

    async def changed(self) -> None:
        await self._control.changed()

    async def followed(self) -> None:
        await self._control.followed()

    def signal(self, container: ContainerId, number: int) -> None:
        self._containers.signal(container, number)

    async def stop(self, container: ContainerId, signal: int, grace: int) -> None:
        await self._containers.stop(container, signal, grace)

    async def spawner(self, container: ContainerId, program: ContainerProgram) -> Spawner:
        return await self._containers.entered(container).spawner(program)

    async def attach(self, container: ContainerId, client: Client) -> None:
        await self._console(container).attach(client)

    def resize(self, container: ContainerId, rows: int, columns: int) -> None:
        self._console(container).resize(rows, columns)

    def log(self, container: ContainerId) -> LogBuffer:
        return self._console(container).log

    async def pid(self, container: ContainerId) -> int:
        return await self._containers.entered(container).pid()

    async def processes(self, container: ContainerId) -> Sequence[ContainerProcess]:
        first = await self.pid(container)
        found = sorted(_in_namespace_of(first), key=lambda process: process.pid)
        if self._containers.pid(container):
            return found
        served = self._find(container).spec.image
        return [replace(one, command=served) if one.pid == first else one for one in found]

    def _console(self, container: ContainerId) -> Console:
        return self._containers.console(self._find(container))

    def _find(self, id: ContainerId) -> Task | Container:
        state = self._control.state
        if id in state.containers:
            return state.containers[id]
        found = next((task for task in state.tasks.values() if task.container == id), None)
        if found is None:
            raise RefusedError(f"No such container: {id}", Refusal.NOT_FOUND)
        return found


def _in_namespace_of(pid: int) -> list[ContainerProcess]:
    """Every process in the PID namespace of that one."""
    here = Path(f"/proc/{pid}/ns/pid").stat().st_ino
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdecimal():
            continue
        try:
            if (folder / "ns/pid").stat().st_ino == here:
                found.append(_process(folder))
        except OSError:  # it has ended meanwhile
            continue
    return found


def _process(folder: Path) -> ContainerProcess:
    name, _, rest = (folder / "stat").read_text().rpartition(")")
    fields = rest.split()
    command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    seconds = (int(fields[11]) + int(fields[12])) // _TICKS
    cpu = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return ContainerProcess(
        "root", int(folder.name), int(fields[1]), "00:00", "?", cpu, command or f"[{name.partition('(')[2]}]"
    )
