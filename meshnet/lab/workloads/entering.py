"""Programs that are started in a container beside its own, as ``docker exec`` does.

A command's first process has namespaces that can be entered. A workload that is served by the lab's own process has
only its network namespace: the first program started in it gets it the others, with a first process that only holds
them.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from meshnet.errors import Refusal, RefusedError
from meshnet.kernel import libc
from meshnet.lab.net.inside import Child, Inside, start
from meshnet.lab.programs import FailedStart, Spawner
from meshnet.lab.workloads.command import RunningCommand
from meshnet.lab.workloads.environment import PATH, container_environment
from meshnet.lab.workloads.first_process import FirstProcess
from meshnet.lab.workloads.task import Running, TaskContext

_EVERYTHING = libc.CLONE_NEWNET | libc.CLONE_NEWNS | libc.CLONE_NEWUTS | libc.CLONE_NEWPID
_FAILED = "OCI runtime exec failed: exec failed: unable to start container process: {}: unknown"
_NOT_FOUND, _NOT_EXECUTABLE = 127, 126


@dataclass(frozen=True, slots=True)
class ContainerProgram:
    """What to run in a container. ``env`` comes over the container's; everybody is root, as most images have it."""

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    workdir: str = "/"
    tty: bool = False


class Container:
    """A task whose workload has started. It belongs to the event loop's thread."""

    def __init__(self, task: TaskContext, running: Running) -> None:
        self.task = task
        self._running = running
        self._holder: FirstProcess | None = None
        self._stopped = False

    async def spawner(self, program: ContainerProgram) -> Spawner:
        """What starts ``program`` in there. It raises ``FailedStart`` with Docker's text where the program can't be
        started. Raises ``RefusedError`` for a container that has ended."""
        first = self._first()
        await first.made()
        environment = {**container_environment(self.task, terminal=program.tty), **program.env}

        def spawn(stdin: int, stdout: int, stderr: int, controlling: bool) -> Child:
            if first.pidfd < 0:
                raise self._not_running()
            try:
                return start(
                    Inside(),
                    program.argv,
                    stdin=stdin,
                    stdout=stdout,
                    stderr=stderr,
                    env=environment,
                    cwd=program.workdir or "/",
                    controlling_terminal=controlling,
                    prepare=lambda: _enter(first.pidfd, program.workdir or "/"),
                )
            except ProcessLookupError as error:  # it has ended, and the event loop hasn't heard yet
                raise self._not_running() from error
            except OSError as error:
                raise _failed_start(program.argv[0], error) from error

        return spawn

    async def pid(self) -> int:
        """The process, as the node sees it, whose namespaces are the container's: ``nsenter -t`` enters it by that.
        Raises ``RefusedError`` for a container that has ended."""
        first = self._first()
        await first.made()
        return first.pid

    def stop(self) -> None:
        """End it, and every program started in it."""
        self._stopped = True
        self._running.stop()
        if self._holder is not None:
            self._holder.kill()

    def _first(self) -> FirstProcess:
        if self._stopped:
            raise self._not_running()
        if isinstance(self._running, RunningCommand):
            return self._running.process
        if self._holder is None:
            self._holder = self._hold()
        return self._holder

    def _hold(self) -> FirstProcess:
        nowhere = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        try:
            return FirstProcess(
                self.task,
                None,
                stdin=nowhere,
                stdout=nowhere,
                stderr=nowhere,
                environment={"PATH": PATH},
                on_end=self._let_go,
            )
        finally:
            os.close(nowhere)

    def _let_go(self) -> None:
        """Somebody killed the holder, and all its programs with it: the next program gets another."""
        self._holder = None

    def _not_running(self) -> RefusedError:
        return RefusedError(f"container {self.task.container_id} is not running", Refusal.FAILED_PRECONDITION)


def _enter(pidfd: int, workdir: str) -> None:
    """Move the calling thread into the container of that process; its children will be in the PID namespace, too."""
    libc.setns(pidfd, _EVERYTHING)
    try:
        os.chdir(workdir)
    except OSError as error:
        raise FailedStart(
            _FAILED.format(f'chdir to cwd ("{workdir}") set in config.json failed: {_reason(error)}'),
            _NOT_FOUND if error.errno == errno.ENOENT else _NOT_EXECUTABLE,
        ) from error


def _failed_start(name: str, error: OSError) -> FailedStart:
    """As runc and Docker's engine say it, and the status that the engine makes of that (moby, daemon/exec.go)."""
    if error.errno == errno.ENOENT:
        reason = f"stat {name}: no such file or directory" if "/" in name else "executable file not found in $PATH"
        return FailedStart(_FAILED.format(f'exec: "{name}": {reason}'), _NOT_FOUND)
    reason = "is a directory" if error.errno == errno.EACCES and _is_folder(error) else _reason(error)
    return FailedStart(_FAILED.format(f'exec: "{name}": {reason}'), _NOT_EXECUTABLE)


def _is_folder(error: OSError) -> bool:
    return isinstance(error.filename, str) and Path(error.filename).is_dir()


def _reason(error: OSError) -> str:
    return os.strerror(error.errno or 0).lower()
