"""Workloads that are programs: they run in the task's own network, mount, PID and UTS namespaces."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence

from meshnet.errors import LabError
from meshnet.lab.programs import Output
from meshnet.lab.programs.ends import Source
from meshnet.lab.workloads.environment import container_environment
from meshnet.lab.workloads.first_process import FirstProcess
from meshnet.lab.workloads.logs import LogBuffer
from meshnet.lab.workloads.task import TaskContext


class CommandWorkload:
    """Runs the task's command, or ``default`` where it has none."""

    def __init__(self, default: Sequence[str]) -> None:
        self._default = tuple(default)

    async def start(self, task: TaskContext) -> RunningCommand:
        """Start the command. One that isn't there ends at once, with status 127, as a shell has it."""
        return RunningCommand(task, (*task.command, *task.args) or self._default)


class RunningCommand:
    """A command that has started: a container's first process. Its outputs go into the task's log, and its end is
    reported by ``on_exit`` when the log has all of them."""

    def __init__(self, task: TaskContext, argv: Sequence[str]) -> None:
        self._task = task
        self._stopped = False
        self._ends: asyncio.Task[None] | None = None
        recorders = _Recorders(task.log)
        try:
            self.process = FirstProcess(
                task,
                argv,
                stdout=recorders.ends[0],
                stderr=recorders.ends[1],
                environment=container_environment(task),
                on_end=self._ended,
            )
        except OSError as error:
            recorders.close()
            raise LabError(f"task {task.task_name}: {argv[0]} can't be started: {error.strerror}") from error
        finally:
            recorders.close_ends()
        self._recorders = recorders
        recorders.start()

    @property
    def pid(self) -> int:
        """Its process id, outside its own PID namespace."""
        return self.process.pid

    def stop(self) -> None:
        """Kill it, and with it, as it's the first of its PID namespace, everything it started."""
        self._stopped = True
        self.process.kill()

    def _ended(self, status: int) -> None:
        self._ends = asyncio.get_running_loop().create_task(self._finish(status))

    async def _finish(self, status: int) -> None:
        await self._recorders.finish()
        if not self._stopped:
            self._task.on_exit(status)


class _Recorders:
    """Two pipes into a log; or ``/dev/null``, where there is no log. ``ends`` are the program's."""

    def __init__(self, log: LogBuffer | None) -> None:
        self._log = log
        self._sources: dict[Output, Source] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self.ends: list[int] = []
        for output in Output:
            if log is None:
                self.ends.append(os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC))
            else:
                reading, writing = os.pipe2(os.O_CLOEXEC)
                self._sources[output] = Source(reading)
                self.ends.append(writing)

    def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._record(*one)) for one in self._sources.items()]

    async def finish(self) -> None:
        """Take what is left. With the first process everybody who could write has ended."""
        for source in self._sources.values():
            source.cut()
        await asyncio.gather(*self._tasks)
        if self._log is not None:
            self._log.close()

    def close_ends(self) -> None:
        for fd in self.ends:
            os.close(fd)

    def close(self) -> None:
        for source in self._sources.values():
            source.close()

    async def _record(self, output: Output, source: Source) -> None:
        assert self._log is not None
        try:
            while data := await source.read():
                self._log.write(output, data)
                await asyncio.sleep(0)  # a program that always has more to say lets others have their turn
        finally:
            source.close()
