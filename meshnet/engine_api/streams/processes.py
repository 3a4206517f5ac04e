"""A program run for whoever holds a taken-over connection, as ``docker exec`` has it.

As with Docker's engine, a client that goes away ends nothing: the program runs on until it ends by itself, which one
that reads its input does soon, as that has ended. With a terminal not even that is told to it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from meshnet.engine_api.streams.frames import Stream, frame
from meshnet.lab.programs import FailedStart, Output, Program, Spawner

_PATIENCE = 2.0
"""Seconds that outputs are waited for which somebody holds whom the program left behind (moby, daemon/monitor.go)."""


class RawStream(Protocol):
    """What ``HijackedStream`` offers here."""

    async def read(self) -> bytes: ...

    async def write(self, data: bytes) -> None: ...


def _nobody_asks(program: Program) -> None:
    del program


async def run_attached(
    spawn: Spawner,
    stream: RawStream,
    *,
    tty: bool = False,
    stdin: bool = False,
    stdout: bool = True,
    stderr: bool = True,
    size: tuple[int, int] | None = None,
    multiplexed: bool = True,
    started: Callable[[Program], None] = _nobody_asks,
) -> int:
    """Run a program with its streams on ``stream``; its exit status, 128+N for signal N.

    ``size`` is the terminal's (rows, columns). ``multiplexed`` puts outputs into frames, which a terminal's never are.
    ``started`` is given the program, to resize or signal it while it runs. What ``spawn`` raises as ``FailedStart`` is
    told to the client as Docker does, on its standard output, and its status returned.

    Closes nothing: set the exit code where it can be asked for, then close the stream. Clients ask at once.
    """
    client = _Attached(stream, framed=multiplexed and not tty, stdin=stdin)
    try:
        if tty:
            program = Program.on_terminal(spawn, size, stdin=stdin)
        else:
            program = Program.on_pipes(spawn, stdin=stdin, stdout=stdout, stderr=stderr)
    except FailedStart as error:
        await client.say(f"{error}\r\n")
        return error.status
    started(program)
    return await program.run(client, patience=_PATIENCE)


async def run_detached(
    spawn: Spawner,
    *,
    tty: bool = False,
    size: tuple[int, int] | None = None,
    started: Callable[[Program], None] = _nobody_asks,
) -> int:
    """Run a program that nobody is attached to; its exit status. Raises ``FailedStart`` as ``spawn`` does, before
    ``started`` is called."""
    if tty:
        program = Program.on_terminal(spawn, size, stdin=False)
    else:
        program = Program.on_pipes(spawn, stdin=False, stdout=False, stderr=False)
    started(program)
    return await program.run(_Nobody())


class _Attached:
    def __init__(self, stream: RawStream, *, framed: bool, stdin: bool) -> None:
        self._stream = stream
        self._framed = framed
        self._stdin = stdin

    async def read(self) -> bytes:
        return await self._stream.read() if self._stdin else b""

    async def write(self, output: Output, data: bytes) -> None:
        await self._stream.write(frame(Stream(output), data) if self._framed else data)

    async def say(self, text: str) -> None:
        try:
            await self.write(Output.STDOUT, text.encode())
        except ConnectionError:
            return  # whom it was for is gone


class _Nobody:
    async def read(self) -> bytes:
        return b""

    async def write(self, output: Output, data: bytes) -> None:
        raise ConnectionResetError("nobody is attached")
