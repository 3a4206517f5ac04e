"""Where running labs are found: names in the abstract socket namespace, which go with the process that holds them.

A name is ``meshnet-lab/<user id>/<process id>/<lab>``: nothing on disk, nothing to sweep after a kill, and only its
owner and root may speak to it.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path

from meshnet.errors import NoSuchLabError

INSIDE = Path("/run/meshnet/control.sock")
"""Inside a lab, the way to it: a file of its own ``/run``, which is nowhere else and goes with it."""

_PREFIX = "meshnet-lab/"
_CREDENTIALS = struct.Struct("3i")


@dataclass(frozen=True, slots=True)
class RunningLab:
    """A lab somebody has running: ``uid`` owns it, ``pid`` is its launcher. Of the one that this process is inside of,
    neither is known here, and it has no name."""

    name: str
    uid: int
    pid: int

    @property
    def address(self) -> str:
        if not self.name:
            return str(INSIDE)
        return f"\0{_PREFIX}{self.uid}/{self.pid}/{self.name}"


def announce(name: str) -> socket.socket:
    """A listening socket under which a lab called ``name`` is found until it is closed: as ``name.2`` if this process
    has another of that name."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    for called in chain([name], (f"{name}.{number}" for number in count(2))):
        try:
            listener.bind(RunningLab(called, os.getuid(), os.getpid()).address)
            break
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
    listener.listen()
    return listener


def may_speak(connection: socket.socket) -> bool:
    """Whether the process at the other end is the lab's owner or root."""
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, uid, _ = _CREDENTIALS.unpack(raw)
    return uid in (0, os.getuid())


def running() -> list[RunningLab]:
    """Every lab on this machine that this network namespace can see, oldest first."""
    labs = set()
    for line in Path("/proc/net/unix").read_text().splitlines()[1:]:
        _, found, address = line.partition(f"@{_PREFIX}")
        if found:
            uid, pid, name = address.split("/", 2)
            labs.add(RunningLab(name, int(uid), int(pid)))
    return sorted(labs, key=lambda lab: (lab.pid, lab.name))


def find(name: str | None) -> RunningLab:
    """The lab called ``name`` (or whose launcher has that process id); when ``name`` is None, the one that this process
    is inside of, else the only one running."""
    if name is None and INSIDE.exists():
        return RunningLab("", os.getuid(), 0)
    labs = running()
    fitting = [lab for lab in labs if name in (None, lab.name, str(lab.pid))]
    if len(fitting) == 1:
        return fitting[0]
    listed = ", ".join(f"{lab.name} (process {lab.pid})" for lab in labs)
    if not labs:
        raise NoSuchLabError("no lab is running; start one with `meshnet lab`")
    if not fitting:
        raise NoSuchLabError(f"no lab called {name} is running; there is {listed}")
    raise NoSuchLabError(f"several labs are running, say which with --lab: {listed}")


def connect(lab: RunningLab) -> socket.socket:
    """A stream to the lab's relay."""
    stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        stream.connect(lab.address)
    except OSError as error:
        stream.close()
        raise NoSuchLabError(f"lab {lab.name} (process {lab.pid}) does not answer: {error.strerror}") from error
    return stream
