"""The lab's ends of a program's pipes, or of its terminal, in the event loop.

Data moves in pieces as large as the kernel gives: a system call costs 20 to 60 us in user-mode Linux. Nothing is
buffered here beyond the one piece under way, so a reader that stands still stops the program, and only that program.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os

PIECE = 256 * 1024
"""Bytes moved at a time, at most; also what a pipe is made to hold (four times the kernel's usual)."""


def widened_pipe() -> tuple[int, int]:
    """A pipe's reading and writing end, that holds ``PIECE`` bytes where the machine allows."""
    reading, writing = os.pipe2(os.O_CLOEXEC)
    with contextlib.suppress(OSError):  # an ordinary user has had enough of them: 64 KiB do as well
        fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, PIECE)
    return reading, writing


class Source:
    """The end that is read. It owns ``fd``."""

    def __init__(self, fd: int) -> None:
        os.set_blocking(fd, False)
        self._fd = fd
        self._loop = asyncio.get_running_loop()
        self._ready = asyncio.Event()
        self._left: int | None = None

    async def read(self) -> bytes:
        """The next piece; empty at the end, which is also where nothing is left after ``cut``."""
        while self._left is None or self._left > 0:
            try:
                data = os.read(self._fd, PIECE)
            except BlockingIOError:
                if self._left is not None:
                    break
                await self._wait()
                continue
            except OSError:  # EIO: nobody holds the terminal open any more
                break
            if self._left is not None:
                self._left -= len(data)
            return data
        return b""

    def cut(self) -> None:
        """Let what has been written by now be the last: somebody the program left behind may hold the other end, and
        may write for ever."""
        self._left = PIECE
        self._ready.set()

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    async def _wait(self) -> None:
        self._ready.clear()
        self._loop.add_reader(self._fd, self._ready.set)
        try:
            await self._ready.wait()
        finally:
            self._loop.remove_reader(self._fd)


class Sink:
    """The end that is written to. It owns ``fd``."""

    def __init__(self, fd: int) -> None:
        os.set_blocking(fd, False)
        self._fd = fd
        self._loop = asyncio.get_running_loop()

    async def write(self, data: bytes) -> None:
        """Have all of ``data`` taken. Raises ``OSError`` when nobody reads any more."""
        view = memoryview(data)
        while view and self._fd >= 0:
            try:
                view = view[os.write(self._fd, view) :]
            except BlockingIOError:
                await self._wait()

    def close(self) -> None:
        """The reader's end of file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    async def _wait(self) -> None:
        ready = asyncio.Event()
        self._loop.add_writer(self._fd, ready.set)
        try:
            await ready.wait()
        finally:
            self._loop.remove_writer(self._fd)
