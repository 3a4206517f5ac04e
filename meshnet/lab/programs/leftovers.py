"""Programs that somebody started on a node and nobody holds any more: what was put into the background."""

from __future__ import annotations

import contextlib
import os
import select
import signal
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from meshnet.errors import LabError
from meshnet.lab.deadlines import TAKE_DOWN, scaled

_PROC = Path("/proc")
_KERNEL = 2
"""The process id of ``kthreadd``, whose children the kernel's threads are, where they can be seen."""


@dataclass(frozen=True, slots=True)
class _Process:
    pid: int
    parent: int
    session: int
    ended: bool


def end_leftovers() -> int:
    """Kill them, and return how many there were once they are gone. Raises ``LabError`` when they won't go.

    A program that is under way for somebody leads its session, and is a child of the lab's process; whatever it started
    is in that session. What is in a container is the container's.
    """
    found = list(_leftovers({process.pid: process for process in _processes()}))
    with contextlib.ExitStack() as stack:
        watched = []
        for process in found:
            with contextlib.suppress(ProcessLookupError):
                pidfd = os.pidfd_open(process.pid)
                stack.callback(os.close, pidfd)
                signal.pidfd_send_signal(pidfd, signal.SIGKILL)
                watched.append(pidfd)
        for pidfd in watched:
            if not select.select([pidfd], [], [], scaled(TAKE_DOWN))[0]:
                raise LabError("a program that was left running on a node does not end when it is killed")
    return len(found)


def _leftovers(processes: Mapping[int, _Process]) -> Iterator[_Process]:
    ours = os.getpid()
    for process in processes.values():
        leader = processes.get(process.session)
        held = leader is not None and not leader.ended and leader.parent == ours
        if process.session == os.getsid(0) or held or process.ended or process.pid == ours:
            continue
        if process.pid > _KERNEL and process.parent != _KERNEL:
            yield process


def _processes() -> Iterator[_Process]:
    """Those in this process's own PID namespace."""
    here = (_PROC / "self/ns/pid").stat().st_ino
    for folder in _PROC.iterdir():
        if not folder.name.isdecimal():
            continue
        try:
            if (folder / "ns/pid").stat().st_ino == here:
                state, parent, _, session = (folder / "stat").read_text().rpartition(")")[2].split()[:4]
                yield _Process(int(folder.name), int(parent), int(session), state in "ZX")
        except OSError:  # it has ended meanwhile
            continue
