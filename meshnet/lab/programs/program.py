"""A program run for a client: its streams or its terminal, its signals, its status."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
import struct
import termios
from collections.abc import Mapping
from enum import IntEnum
from typing import Protocol

from meshnet.lab.programs.child import Spawned, Spawner, ended
from meshnet.lab.programs.ends import Sink, Source, widened_pipe


class Output(IntEnum):
    """Which of a program's two outputs; the numbers are the descriptors', and those of Docker's stream frames. What a
    terminal shows is ``STDOUT``."""

    STDOUT = 1
    STDERR = 2


class Client(Protocol):
    """Whom a program runs for."""

    async def read(self) -> bytes:
        """The next input for the program; empty when there will be no more."""

    async def write(self, output: Output, data: bytes) -> None:
        """Take the program's output, as fast as the client does. Raises ``ConnectionError`` when nobody is there."""


def set_size(terminal: int, rows: int, columns: int) -> None:
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


class Program:
    """A program that has been started. ``run`` has to be called, once: it owns the lab's ends from then on."""

    def __init__(
        self, child: Spawned, sink: Sink | None, sources: Mapping[Output, Source], terminal: int | None = None
    ) -> None:
        self._child = child
        self._sink = sink
        self._sources = dict(sources)
        self._terminal = terminal

    @classmethod
    def on_pipes(cls, spawn: Spawner, *, stdin: bool = True, stdout: bool = True, stderr: bool = True) -> Program:
        """Start it on pipes of its own, and on ``/dev/null`` for a stream that nobody wants. Raises as ``spawn``."""
        theirs: list[int] = []
        ours: list[int] = []

        def pipe(wanted: bool, *, writing: bool) -> int | None:
            if not wanted:
                theirs.append(os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC))
                return None
            ends = widened_pipe()
            theirs.append(ends[0] if writing else ends[1])
            ours.append(ends[1] if writing else ends[0])
            return ours[-1]

        try:
            entry = pipe(stdin, writing=True)
            outputs = {Output.STDOUT: pipe(stdout, writing=False), Output.STDERR: pipe(stderr, writing=False)}
            child = spawn(theirs[0], theirs[1], theirs[2], False)
        except BaseException:
            _close(ours)
            raise
        finally:
            _close(theirs)
        sources = {output: Source(fd) for output, fd in outputs.items() if fd is not None}
        return cls(child, None if entry is None else Sink(entry), sources)

    @classmethod
    def on_terminal(cls, spawn: Spawner, size: tuple[int, int] | None = None, *, stdin: bool = True) -> Program:
        """Start it on a terminal of ``size`` (rows, columns). Raises as ``spawn`` does."""
        master, slave = os.openpty()
        try:
            if size is not None:
                set_size(master, *size)
            child = spawn(slave, slave, slave, True)
        except BaseException:
            os.close(master)
            raise
        finally:
            os.close(slave)
        sink = Sink(os.dup(master)) if stdin else None
        return cls(child, sink, {Output.STDOUT: Source(master)}, master)

    @property
    def pid(self) -> int:
        return self._child.pid

    async def run(self, client: Client, *, patience: float = 0.0) -> int:
        """Carry the streams until the program has ended; its status, 128+N for signal N.

        Whoever the program left behind may hold its outputs open; that is waited for ``patience`` seconds at most. A
        client that goes away ends nothing: what is written from then on is read, so that nobody blocks, and dropped.
        """
        feeding = asyncio.create_task(self._feed(client))
        pumps = [asyncio.create_task(self._pump(client, *one)) for one in self._sources.items()]
        try:
            status = await ended(self._child)
            if pumps:
                await asyncio.wait(pumps, timeout=patience)
            for source in self._sources.values():
                source.cut()
            await asyncio.gather(*pumps)
            return status
        finally:
            for task in (feeding, *pumps):
                task.cancel()
            await asyncio.gather(feeding, *pumps, return_exceptions=True)
            self._let_go()

    def resize(self, rows: int, columns: int) -> None:
        """Give its terminal a size; the kernel tells the program. Does nothing to one on pipes, or that has ended."""
        if self._terminal is not None:
            set_size(self._terminal, rows, columns)

    def kill(self, number: signal.Signals) -> None:
        """Signal the program and everything in its process group, if it still runs."""
        if self._child.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._child.pid, number)

    async def _feed(self, client: Client) -> None:
        """The client's input to the program. What a program doesn't take that reads no more is swallowed, as a closed
        pipe does: the client may be in the middle of sending it. The end of the input closes a pipe; a terminal has no
        such end, and stays."""
        while data := await client.read():
            if self._sink is None:
                continue
            try:
                await self._sink.write(data)
            except OSError:
                self._sink.close()
                self._sink = None
        if self._sink is not None and self._terminal is None:
            self._sink.close()

    async def _pump(self, client: Client, output: Output, source: Source) -> None:
        listening = True
        while data := await source.read():
            if listening:
                try:
                    await client.write(output, data)
                except ConnectionError:
                    listening = False
            await asyncio.sleep(0)  # a program that always has more to say lets others have their turn

    def _let_go(self) -> None:
        self._terminal = None
        if self._sink is not None:
            self._sink.close()
        for source in self._sources.values():
            source.close()


def _close(fds: list[int]) -> None:
    for fd in fds:
        os.close(fd)
