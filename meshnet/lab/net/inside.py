"""Doing something, or starting a program, inside namespaces that the lab holds open.

A thread may stand in other namespaces than the rest of its process. Joining a mount namespace wants a file-system
context of its own (``CLONE_FS``), which an ordinary thread shares with the others, so every excursion is made by a
thread of its own that ends with it: nothing has to be put back, and nothing can be left wrong.
"""

from __future__ import annotations

import errno
import os
import select
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from meshnet.kernel import libc

Result = TypeVar("Result")

_DEFAULT_SIGNALS = (
    signal.SIGHUP,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGPIPE,
    signal.SIGTERM,
    signal.SIGCHLD,
    signal.SIGTSTP,
    signal.SIGTTIN,
    signal.SIGTTOU,
    signal.SIGXFSZ,
)
"""What Python or the lab ignores and a program expects not to be."""


@dataclass(frozen=True, slots=True)
class Inside:
    """Which namespaces: descriptors, or None for the caller's."""

    network: int | None = None
    mount: int | None = None
    uts: int | None = None

    def enter(self) -> None:
        """Move the calling thread in, for good. Its working directory and umask are its own from then on."""
        libc.unshare(libc.CLONE_FS)
        if self.mount is not None:
            libc.setns(self.mount, libc.CLONE_NEWNS)
        if self.uts is not None:
            libc.setns(self.uts, libc.CLONE_NEWUTS)
        if self.network is not None:
            libc.setns(self.network, libc.CLONE_NEWNET)


def run(inside: Inside, function: Callable[[], Result]) -> Result:
    """Call ``function`` in there, in a thread of its own, and return what it returns or raise what it raises."""
    results: list[Result] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            inside.enter()
            results.append(function())
        except BaseException as error:  # carried to the caller
            errors.append(error)

    thread = threading.Thread(target=work, name="inside")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


def start(
    inside: Inside,
    argv: Sequence[str],
    *,
    stdin: int = 0,
    stdout: int = 1,
    stderr: int = 2,
    third: int | None = None,
    env: Mapping[str, str] | None = None,
    cwd: str | None = None,
    controlling_terminal: bool = False,
    process_group: int | None = None,
    prepare: Callable[[], object] | None = None,
) -> Child:
    """Start the program ``argv`` in there, as the leader of a session of its own; or, with a ``process_group``, in the
    caller's session and in that group (0: one of its own).

    ``stdin``, ``stdout`` and ``stderr`` are descriptors. With ``controlling_terminal`` they are one terminal, which
    becomes the session's: a leader without one gets the first that it opens, so the child opens ``stdin``'s by name.
    A descriptor given as ``third`` is the child's number 3.
    ``prepare`` is called inside before the program is looked for. A ``cwd`` that isn't there gives way to ``/``.

    Raises ``FileNotFoundError`` or another ``OSError`` when there is no such program. posix_spawn does not copy the
    parent's page tables, as a fork with code of ours in the child would, nor needs it a second exec by setsid(1): 15 ms
    to start a program in user-mode Linux, against 140 and 40.
    """
    environment = dict(os.environ if env is None else env)
    further = () if third is None else (third,)
    if controlling_terminal:
        actions = _terminal(os.ttyname(stdin), further)
    else:
        actions = _redirections(stdin, stdout, stderr, *further)
    session: dict[str, Any] = {"setsid": True} if process_group is None else {"setpgroup": process_group}

    def work() -> int:
        if prepare is not None:
            prepare()
        _change_folder(cwd)
        return os.posix_spawn(
            _program(argv[0], environment),
            tuple(argv),
            environment,
            file_actions=actions,
            setsigmask=(),
            setsigdef=_DEFAULT_SIGNALS,
            **session,
        )

    return Child(run(inside, work), argv)


def _change_folder(cwd: str | None) -> None:
    try:
        os.chdir(cwd or "/")
    except OSError:
        os.chdir("/")


def _program(name: str, environment: Mapping[str, str]) -> str:
    """The file that a shell would run, looked for where the program will be."""
    if "/" in name:
        return name
    found = find_program(name, environment.get("PATH", os.defpath))
    if found is None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)
    return found


def find_program(name: str, path: str) -> str | None:
    """``shutil.which`` for a name without folders; shutil brings every compressor along (26 ms of import in user-mode
    Linux)."""
    files = (f"{folder}/{name}" for folder in path.split(os.pathsep))
    return next((file for file in files if os.access(file, os.X_OK) and Path(file).is_file()), None)


def _terminal(name: str, further: tuple[int, ...]) -> list[tuple[Any, ...]]:
    """File actions that give the child the terminal ``name`` for all three streams, and what is ``further`` after."""
    numbered = [(os.POSIX_SPAWN_DUP2, fd, 3 + place) for place, fd in enumerate(further)]
    opened = (os.POSIX_SPAWN_OPEN, 0, name, os.O_RDWR, 0)
    return [*numbered, opened, (os.POSIX_SPAWN_DUP2, 0, 1), (os.POSIX_SPAWN_DUP2, 0, 2)]


def _redirections(*wanted: int) -> list[tuple[Any, ...]]:
    """File actions that give the child those, numbered from 0. They go by way of numbers above them all, so that none
    is overwritten before it's copied; what the child has inherited up there would have been closed anyway."""
    spare = max(len(wanted) - 1, *wanted) + 1
    away = [(os.POSIX_SPAWN_DUP2, fd, spare + number) for number, fd in enumerate(wanted)]
    home = [(os.POSIX_SPAWN_DUP2, spare + number, number) for number in range(len(wanted))]
    return [*away, *home, *((os.POSIX_SPAWN_CLOSE, spare + number) for number in range(len(wanted)))]


class Child:
    """A program that was started; what of ``subprocess.Popen`` concerns a process that is there.

    ``returncode`` is None while it runs, then its exit status or minus the number of the signal that killed it.
    """

    def __init__(self, pid: int, argv: Sequence[str]) -> None:
        self.pid = pid
        self.args = tuple(argv)
        self.returncode: int | None = None
        self._lock = threading.Lock()

    def poll(self) -> int | None:
        """Its return code, or None while it runs."""
        with self._lock:
            if self.returncode is None:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
                if pid:
                    self.returncode = os.waitstatus_to_exitcode(status)
            return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Its return code, once it has ended. Raises ``TimeoutError`` when ``timeout`` seconds don't see the end."""
        with self._lock:
            over = os.pidfd_open(self.pid) if self.returncode is None else -1
        if over >= 0:
            try:
                waiting = select.poll()
                waiting.register(over, select.POLLIN)
                if not waiting.poll(None if timeout is None else timeout * 1000):
                    raise TimeoutError(f"{self.args[0]} still runs after {timeout} s")
            finally:
                os.close(over)
        status = self.poll()
        assert status is not None
        return status

    def send_signal(self, number: int) -> None:
        """Signal it, if it still runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)
