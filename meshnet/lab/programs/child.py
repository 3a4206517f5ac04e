"""A child process as the event loop sees it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Protocol

from meshnet.errors import LabError


class FailedStart(LabError):
    """A program that can't be started, in Docker's words; ``status`` is what a shell would say of it."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class Spawned(Protocol):
    """A child process; ``subprocess.Popen`` is one."""

    pid: int

    def poll(self) -> int | None: ...

    def wait(self) -> int: ...


Spawner = Callable[[int, int, int, bool], Spawned]
"""Starts the program with these descriptors as its input, output and error output; the last argument says whether they
are a terminal that is to be its controlling one."""


def shell_status(returncode: int) -> int:
    """A Popen's return code as a shell would report it: 128+N for signal N."""
    return returncode if returncode >= 0 else 128 - returncode


async def ended(child: Spawned) -> int:
    """Wait for ``child`` to end; its status as a shell would report it."""
    loop = asyncio.get_running_loop()
    pidfd = os.pidfd_open(child.pid)
    over = asyncio.Event()
    loop.add_reader(pidfd, over.set)
    try:
        await over.wait()
    finally:
        loop.remove_reader(pidfd)
        os.close(pidfd)
    return shell_status(child.wait())
