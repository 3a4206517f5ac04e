"""Workloads that are programs: they run in the task's own network, mount, PID and UTS namespaces.

The files are the node's, except that ``/etc/hostname``, ``/etc/hosts`` and ``/etc/resolv.conf`` are the task's.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Sequence
from pathlib import Path

from meshnet.errors import LabError
from meshnet.kernel import libc
from meshnet.lab.net.inside import Child, Inside, find_program, start
from meshnet.lab.workloads.task import TaskContext

_FILES = Path("/run/meshnet/task")
"""Where a task's files lie, in its own mount namespace."""

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_FIRST_PROCESS = ("/bin/sh", "-c", 'mount -t proc proc /proc && exec "$@"', "sh")
"""Only a process inside the new PID namespace can mount its ``/proc``: its first one does, and becomes the command."""

_HOSTS = """\
127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
ff00::0\tip6-mcastprefix
ff02::1\tip6-allnodes
ff02::2\tip6-allrouters
"""


class CommandWorkload:
    """Runs the task's command, or ``default`` where it has none.

    With ``busybox`` it is an applet of the machine's busybox; where there is none, the machine's own tool.
    """

    def __init__(self, default: Sequence[str], *, busybox: bool = False) -> None:
        self._default = tuple(default)
        self._busybox = busybox

    async def start(self, task: TaskContext) -> RunningCommand:
        """Start the command. One that isn't there ends at once, with status 127, as a shell has it."""
        argv = self._argv(task)
        home = task.home.mount if task.home is not None else None
        environment = {"PATH": _PATH, "HOSTNAME": task.hostname, "HOME": "/root", **task.env}
        nowhere = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        output = nowhere
        try:
            if task.output is not None:
                output = os.open(task.output, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
            child = start(
                Inside(task.namespace.fd, home),
                (*_FIRST_PROCESS, *argv),
                stdin=nowhere,
                stdout=output,
                stderr=output,
                env=environment,
                prepare=lambda: _move_in(task),
            )
        except OSError as error:
            raise LabError(f"task {task.task_name}: {argv[0]} can't be started: {error.strerror}") from error
        finally:
            for fd in {nowhere, output}:
                os.close(fd)
        return RunningCommand(child, task)

    def _argv(self, task: TaskContext) -> tuple[str, ...]:
        argv = (*task.command, *task.args) or self._default
        busybox = find_program("busybox", _PATH) if self._busybox else None
        return (busybox, *argv) if busybox else argv


class RunningCommand:
    """A command that has started. Reports its end by ``on_exit``."""

    def __init__(self, child: Child, task: TaskContext) -> None:
        self._child = child
        self._task = task
        self._loop = asyncio.get_running_loop()
        self._over = os.pidfd_open(child.pid)
        self._stopped = False
        self._loop.add_reader(self._over, self._ended)

    @property
    def pid(self) -> int:
        """Its process id, outside its own PID namespace."""
        return self._child.pid

    def stop(self) -> None:
        """Kill it, and with it, as it's the first of its PID namespace, everything it started."""
        self._stopped = True
        if self._over >= 0:
            signal.pidfd_send_signal(self._over, signal.SIGKILL)

    def _ended(self) -> None:
        self._loop.remove_reader(self._over)
        os.close(self._over)
        self._over = -1
        status = self._child.wait()
        if not self._stopped:
            self._task.on_exit(status if status >= 0 else 128 - status)


def _move_in(task: TaskContext) -> None:
    """Make the calling thread's children the task's: namespaces that nobody shares, and its own files in ``/etc``."""
    libc.unshare(libc.CLONE_NEWNS | libc.CLONE_NEWUTS | libc.CLONE_NEWPID)
    libc.make_mounts_private()
    libc.set_hostname(task.hostname)
    libc.mount("sysfs", "/sys", "sysfs", libc.MS_NOSUID | libc.MS_NODEV)
    _FILES.mkdir(parents=True, exist_ok=True)
    libc.mount("tmpfs", str(_FILES), "tmpfs", libc.MS_NOSUID | libc.MS_NODEV)
    for name, text in etc_files(task).items():
        private, shown = _FILES / name, Path("/etc") / name
        private.write_text(text)
        if shown.exists():
            libc.bind(str(private), str(shown))


def etc_files(task: TaskContext) -> dict[str, str]:
    """What Docker writes for a container, by file name. Its own name stands on its last overlay's address."""
    own = f"{task.addresses[-1].ip}\t{task.hostname}\n" if task.addresses else ""
    return {"hostname": f"{task.hostname}\n", "hosts": _HOSTS + own, "resolv.conf": task.resolv_conf}
