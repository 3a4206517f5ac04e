"""Workloads that are programs: they run in the task's own network, mount, PID and UTS namespaces."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from meshnet.errors import LabError
from meshnet.lab.net.inside import Child
from meshnet.lab.programs import Program
from meshnet.lab.workloads.environment import container_environment
from meshnet.lab.workloads.first_process import FirstProcess
from meshnet.lab.workloads.task import TaskContext


class CommandWorkload:
    """Runs the task's command, or ``default`` where it has none."""

    def __init__(self, default: Sequence[str]) -> None:
        self._default = tuple(default)

    async def start(self, task: TaskContext) -> RunningCommand:
        """Start the command. One that isn't there ends at once, with status 127, as a shell has it."""
        return RunningCommand(task, (*task.command, *task.args) or self._default)


class RunningCommand:
    """A command that has started: a container's first process, on its console. Its end is reported by ``on_exit`` when
    the console has all it said."""

    def __init__(self, task: TaskContext, argv: Sequence[str]) -> None:
        self._task = task
        self._argv = tuple(argv)
        self._stopped = False
        console = task.console
        console.begin()
        try:
            if console.terminal:
                program = Program.on_terminal(self._spawn, console.size, stdin=console.open_stdin)
            else:
                program = Program.on_pipes(self._spawn, stdin=console.open_stdin)
        except OSError as error:
            console.end()
            raise LabError(f"task {task.task_name}: {argv[0]} can't be started: {error.strerror}") from error
        console.joined(program)
        self._carrying = asyncio.create_task(self._carry(program))

    @property
    def pid(self) -> int:
        """Its process id, outside its own PID namespace."""
        return self.process.pid

    def signal(self, number: int) -> None:
        """Signal it, if it still runs. The kernel spares a first process what it has no handler for, SIGKILL apart."""
        self.process.kill(number)

    def stop(self) -> None:
        """Kill it, and with it, as it's the first of its PID namespace, everything it started."""
        self._stopped = True
        self.process.kill()

    def _spawn(self, stdin: int, stdout: int, stderr: int, controlling: bool) -> Child:
        self.process = FirstProcess(
            self._task,
            self._argv,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            environment=container_environment(self._task, terminal=controlling),
            controlling_terminal=controlling,
        )
        return self.process.child

    async def _carry(self, program: Program) -> None:
        status = await program.run(self._task.console)
        self._task.console.end()
        if not self._stopped:
            self._task.on_exit(status)
