"""The walls round a lab: a process in namespaces of its own that dies with the one that made it.

::

    launcher ── wall ── init (PID 1 within) ── the lab
                  │       └ reaps; ends with the lab's status
                  └ outside the PID namespace; ends with init's status

Each asks the kernel to be killed when the one before it ends, and when init ends the kernel kills everything within the
PID namespace; with the last process go the mounts, the links and the namespaces. So whichever of them is killed, by
whatever signal, nothing is left, and no clean-up code has to run for that to be true.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from meshnet.errors import MachineError
from meshnet.kernel import libc

ALL = libc.CLONE_NEWNET | libc.CLONE_NEWNS | libc.CLONE_NEWPID | libc.CLONE_NEWIPC | libc.CLONE_NEWUTS

_FAILED = 125


def start_within(main: Callable[[], int], *, namespaces: int = ALL) -> int:
    """Run ``main`` behind new walls, in a process of its own; its return value is that process's exit status.

    Returns the process id of the wall, for ``wait``. Call it before the process has threads. Without root the walls
    include a user namespace in which the user is root. Raises ``MachineError`` where the machine allows no walls.
    """
    told, tell = os.pipe2(os.O_CLOEXEC)
    launcher = os.getpid()
    wall = os.fork()
    if wall == 0:
        os.close(told)
        _exit_with(lambda: _wall(main, namespaces, launcher, tell))
    os.close(tell)
    with os.fdopen(told, "rb") as report:
        refusal = report.read()
    if refusal:
        os.waitpid(wall, 0)
        raise MachineError(refusal.decode())
    return wall


def start_without(main: Callable[[], int]) -> int:
    """As ``start_within``, for user-mode Linux where the machine allows no namespaces: the guest's own walls must do.

    There is no PID namespace to end its helpers with it, so two processes adopt orphans: a guard, and the launcher
    for the case that somebody kills the guard (``bury_orphans``).
    """
    libc.adopt_orphans()
    launcher = os.getpid()
    guard = os.fork()
    if guard == 0:
        _exit_with(lambda: _guard(main, launcher))
    return guard


def bury_orphans() -> None:
    """End every child of this process, and theirs as they are handed up."""
    while children := _children():
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(child, 0)


def _children() -> set[int]:
    found: set[int] = set()
    for thread in Path("/proc/self/task").iterdir():
        found.update(int(child) for child in (thread / "children").read_text().split())
    return found


def _guard(main: Callable[[], int], launcher: int) -> int:
    os.setsid()
    libc.adopt_orphans()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(_FAILED))
    libc.die_with_parent(signal.SIGTERM)
    try:
        if os.getppid() != launcher:
            return _FAILED
        lab = os.fork()
        if lab == 0:
            _exit_with(lambda: _lab(main))
        return wait(lab)
    finally:
        bury_orphans()


def wait(pid: int) -> int:
    """The exit status of a child, 128 and the signal's number for one that was killed."""
    _, status = os.waitpid(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _exit_with(run: Callable[[], int]) -> NoReturn:
    """End this process with ``run``'s value, without the parent's clean-up handlers."""
    status = _FAILED
    try:
        status = run()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else _FAILED
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def _wall(main: Callable[[], int], namespaces: int, launcher: int, tell: int) -> int:
    os.setsid()  # what is typed at the launcher's terminal reaches the lab through the launcher only
    uid, gid = os.getuid(), os.getgid()
    try:
        if uid != 0:
            libc.unshare(libc.CLONE_NEWUSER)
            _become_root_of_user_namespace(uid, gid)
        libc.unshare(namespaces)
    except OSError as error:
        what = "user namespaces" if uid != 0 else "CAP_SYS_ADMIN (is this a container without --privileged?)"
        os.write(tell, f"this machine allows no namespaces of one's own: {error}; it wants {what}".encode())
        return _FAILED
    libc.die_with_parent()
    if os.getppid() != launcher:
        return _FAILED
    lifeline, alive = os.pipe2(os.O_CLOEXEC)
    init = os.fork()
    if init == 0:
        os.close(tell)
        os.close(alive)
        _exit_with(lambda: _init(main, lifeline))
    os.close(tell)
    os.close(lifeline)
    return wait(init)


def _become_root_of_user_namespace(uid: int, gid: int) -> None:
    me = Path("/proc/self")
    (me / "setgroups").write_text("deny")
    (me / "uid_map").write_text(f"0 {uid} 1")
    (me / "gid_map").write_text(f"0 {gid} 1")


def _init(main: Callable[[], int], lifeline: int) -> int:
    """PID 1 within: start the lab, bury the dead, end when the lab does."""
    libc.die_with_parent()
    if select.select([lifeline], [], [], 0)[0]:  # the wall had ended before the kernel was asked to tell
        return _FAILED
    os.close(lifeline)
    libc.make_mounts_private()
    libc.mount("proc", "/proc", "proc")
    lab = os.fork()
    if lab == 0:
        _exit_with(lambda: _lab(main))
    while True:
        pid, status = os.wait()
        if pid == lab:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


def _lab(main: Callable[[], int]) -> int:
    libc.die_with_parent()
    return main()
