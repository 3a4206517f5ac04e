"""The first process of a container: what its namespaces are made with, and what they end with.

The files are the node's, except that ``/etc/hostname``, ``/etc/hosts`` and ``/etc/resolv.conf`` are the task's.
"""

from __future__ import annotations

import asyncio
import errno
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from meshnet.kernel import libc
from meshnet.lab.net.inside import Child, Inside, start
from meshnet.lab.workloads.task import TaskContext

_FILES = Path("/run/meshnet/task")
"""Where a task's files lie, in its own mount namespace."""

_MOUNT_PROC = ("/bin/sh", "-c", 'mount -t proc proc /proc && exec "$@" 3>&-', "sh")
"""Only a process inside the new PID namespace can mount its ``/proc``: its first one does, and becomes the command.
Its descriptor 3 is a pipe that the command no longer has: that it is closed says that ``/proc`` is there."""

_PAUSE = ("/bin/bash", "-c", "mount -t proc proc /proc && trap '' CHLD && exec sleep infinity 3>&-")
"""A first process that only is there. Whose parent ignores SIGCHLD the kernel buries itself, orphans included; dash and
busybox keep their own hold of that signal, bash lets go of it."""

_HOSTS = """\
127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
ff00::0\tip6-mcastprefix
ff02::1\tip6-allnodes
ff02::2\tip6-allrouters
"""


def _nobody_minds() -> None:
    """Whoever started it waits for its end in another way."""


class FirstProcess:
    """A process that is the first of its PID namespace, in a task's network namespace and mount and UTS namespaces of
    its own. ``on_end`` is called in the event loop when it has ended. Whatever else is in its PID namespace ends with
    it. Without ``argv`` it does nothing. Raises ``OSError`` where it can't be made."""

    def __init__(
        self,
        task: TaskContext,
        argv: Sequence[str] | None,
        *,
        stdin: int,
        stdout: int,
        stderr: int,
        environment: Mapping[str, str],
        controlling_terminal: bool = False,
        on_end: Callable[[], None] = _nobody_minds,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_end = on_end
        self._ready, unready = os.pipe2(os.O_CLOEXEC)
        try:
            self.child: Child = start(
                Inside(task.namespace.fd, task.home.mount if task.home is not None else None),
                _PAUSE if argv is None else (*_MOUNT_PROC, *argv),
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                third=unready,
                env=environment,
                controlling_terminal=controlling_terminal,
                prepare=lambda: _move_in(task),
            )
        except BaseException:
            os.close(self._ready)
            raise
        finally:
            os.close(unready)
        self._made = asyncio.Event()
        self._loop.add_reader(self._ready, self._is_made)
        self.pidfd = os.pidfd_open(self.child.pid)
        """Negative once it has ended."""
        self._loop.add_reader(self.pidfd, self._ended)

    @property
    def pid(self) -> int:
        """Its process id, outside its own PID namespace."""
        return self.child.pid

    async def made(self) -> None:
        """Wait until its namespaces are as a container's: ``/proc`` shows its processes."""
        await self._made.wait()

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Signal it, if it still runs. SIGKILL takes everything it started, too."""
        if self.pidfd >= 0:
            signal.pidfd_send_signal(self.pidfd, number)

    def _is_made(self) -> None:
        if self._ready >= 0:
            self._loop.remove_reader(self._ready)
            os.close(self._ready)
            self._ready = -1
        self._made.set()

    def _ended(self) -> None:
        self._is_made()
        self._loop.remove_reader(self.pidfd)
        os.close(self.pidfd)
        self.pidfd = -1
        self.child.poll()
        self._on_end()


def _move_in(task: TaskContext) -> None:
    """Make the calling thread's children the task's: namespaces that nobody shares, and its own files in ``/etc``."""
    libc.unshare(libc.CLONE_NEWNS | libc.CLONE_NEWUTS | libc.CLONE_NEWPID)
    libc.make_mounts_private()
    libc.set_hostname(task.hostname)
    _show_interfaces()
    _FILES.mkdir(parents=True, exist_ok=True)
    libc.mount("tmpfs", str(_FILES), "tmpfs", libc.MS_NOSUID | libc.MS_NODEV)
    for name, text in etc_files(task).items():
        private, shown = _FILES / name, Path("/etc") / name
        private.write_text(text)
        if shown.exists():
            libc.bind(str(private), str(shown))


def _show_interfaces() -> None:
    """Let ``/sys`` show those of the network namespace it is looked at from."""
    try:
        libc.mount("sysfs", "/sys", "sysfs", libc.MS_NOSUID | libc.MS_NODEV)
    except OSError as error:
        if error.errno != errno.EBUSY:  # it does already, in a container on its node's own network
            raise


def etc_files(task: TaskContext) -> dict[str, str]:
    """What Docker writes for a container, by file name. Its own name stands on its last overlay's address."""
    own = f"{task.addresses[-1].ip}\t{task.hostname}\n" if task.addresses else ""
    return {"hostname": f"{task.hostname}\n", "hosts": _HOSTS + own, "resolv.conf": task.resolv_conf}
