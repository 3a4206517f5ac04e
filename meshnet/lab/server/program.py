"""A program run in a node for a client: its streams or its terminal, its signals, its status."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
import struct
import termios
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Protocol

from meshnet.lab.control.wire import Frame, Json, Kind
from meshnet.lab.server.link import Channel

_READ = 64 * 1024
_HANGUP_GRACE = 2.0  # seconds between a vanished client's SIGHUP and SIGKILL


class Spawned(Protocol):
    """A child process; ``subprocess.Popen`` is one."""

    pid: int

    def poll(self) -> int | None: ...

    def wait(self) -> int: ...


Spawner = Callable[[int, int, int, bool], Spawned]
"""Starts the program with these descriptors as its input, output and error output; the last argument says whether they
are a terminal that is to be its controlling one."""


async def run(channel: Channel, spawn: Spawner) -> None:
    """Run a program for ``channel`` and answer with ``{"status": N}``: its exit status, 128+N for signal N."""
    if "terminal" in channel.request:
        await _OnTerminal(channel, spawn).run()
    else:
        await _OnPipes(channel, spawn).run()


def set_size(terminal: int, rows: int, columns: int) -> None:
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def shell_status(returncode: int) -> int:
    """A Popen's return code as a shell would report it."""
    return returncode if returncode >= 0 else 128 - returncode


class _Program(ABC):
    def __init__(self, channel: Channel, spawn: Spawner) -> None:
        self._channel = channel
        self._spawn = spawn
        self._loop = asyncio.get_running_loop()
        self._child: Spawned | None = None
        self._input = bytearray()
        self._input_ended = False
        self._input_fd = -1
        self._over = False
        self._ready: list[asyncio.Event] = []

    async def _ended(self, child: Spawned) -> Json:
        pidfd = os.pidfd_open(child.pid)
        over = asyncio.Event()
        self._loop.add_reader(pidfd, over.set)
        try:
            await over.wait()
        finally:
            self._loop.remove_reader(pidfd)
            os.close(pidfd)
        self._over = True
        for ready in self._ready:
            ready.set()
        return {"status": shell_status(child.wait())}

    async def _pump(self, fd: int, kind: Kind) -> None:
        """What comes out of ``fd`` until the program has ended, to the client; closes it. Whoever the program left
        behind may still hold the other end: that is no reason to wait."""
        ready = asyncio.Event()
        self._ready.append(ready)
        os.set_blocking(fd, False)
        try:
            while True:
                if not self._over:
                    ready.clear()
                    self._loop.add_reader(fd, ready.set)
                    await ready.wait()
                    self._loop.remove_reader(fd)
                try:
                    data = os.read(fd, _READ)
                except BlockingIOError:
                    if self._over:
                        return
                    continue
                except OSError:  # EIO: nobody holds the terminal open any more
                    return
                if not data:
                    return
                await self._channel.stream(kind, data)
        finally:
            self._loop.remove_reader(fd)
            os.close(fd)

    def _take(self, frame: Frame) -> None:
        if frame.kind is Kind.STDIN:
            self._input += frame.payload
            self._write_input()
        elif frame.kind is Kind.END_STDIN:
            self._input_ended = True
            self._write_input()
        elif frame.kind is Kind.SIGNAL:
            self._kill(signal.Signals(frame.payload[0]))
        elif frame.kind is Kind.CANCEL:
            self._kill(signal.SIGHUP)
            self._loop.call_later(_HANGUP_GRACE, self._kill, signal.SIGKILL)

    def _kill(self, number: signal.Signals) -> None:
        if self._child is not None and self._child.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._child.pid, number)

    def _write_input(self) -> None:
        """As much pending input as the program takes now; the rest when it takes more."""
        if self._input_fd < 0:
            return
        self._loop.remove_writer(self._input_fd)
        while self._input:
            try:
                count = os.write(self._input_fd, self._input[:_READ])
            except BlockingIOError:
                self._loop.add_writer(self._input_fd, self._write_input)
                return
            except OSError:  # it reads no more: swallow the rest, as a closed pipe does
                count = len(self._input)
            del self._input[:count]
            self._channel.consumed(count)
        if self._input_ended:
            self._end_input()

    @abstractmethod
    def _end_input(self) -> None:
        """The client sends no more: let the program know."""


class _OnPipes(_Program):
    async def run(self) -> None:
        input_read, self._input_fd = os.pipe2(os.O_CLOEXEC)
        output, output_write = os.pipe2(os.O_CLOEXEC)
        error, error_write = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self._input_fd, False)
        try:
            self._child = self._spawn(input_read, output_write, error_write, False)
        except BaseException:
            for fd in (self._input_fd, output, error):
                os.close(fd)
            raise
        finally:
            for fd in (input_read, output_write, error_write):
                os.close(fd)
        self._channel.listen(self._take)
        ending = self._ended(self._child)
        result, *_ = await asyncio.gather(ending, self._pump(output, Kind.STDOUT), self._pump(error, Kind.STDERR))
        self._end_input()
        self._channel.result(result)

    def _end_input(self) -> None:
        if self._input_fd >= 0:
            self._loop.remove_writer(self._input_fd)
            os.close(self._input_fd)
            self._input_fd = -1


class _OnTerminal(_Program):
    async def run(self) -> None:
        master, slave = os.openpty()
        self._input_fd = os.dup(master)
        os.set_blocking(self._input_fd, False)
        set_size(master, *self._channel.request["size"])
        try:
            self._child = self._spawn(slave, slave, slave, True)
        except BaseException:
            os.close(master)
            os.close(self._input_fd)
            raise
        finally:
            os.close(slave)
        self._channel.listen(self._take)
        result, _ = await asyncio.gather(self._ended(self._child), self._pump(master, Kind.STDOUT))
        self._loop.remove_writer(self._input_fd)
        os.close(self._input_fd)
        self._input_fd = -1
        self._channel.result(result)

    def _take(self, frame: Frame) -> None:
        if frame.kind is Kind.RESIZE and self._input_fd >= 0:
            set_size(self._input_fd, *frame.size)
        else:
            super()._take(frame)

    def _end_input(self) -> None:
        """A terminal's input ends with a character, not by closing it."""
        self._input_ended = False
        self._input += b"\x04"
        self._write_input()
