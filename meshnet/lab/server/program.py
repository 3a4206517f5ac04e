"""A program run in a node for a client of the control stream."""

from __future__ import annotations

import asyncio
import signal

from meshnet.lab.control.wire import Frame, Kind
from meshnet.lab.programs import Output, Program, Spawner
from meshnet.lab.server.link import Channel

_HANGUP_GRACE = 2.0  # seconds between a vanished client's SIGHUP and SIGKILL
_END_OF_FILE = b"\x04"
_KINDS = {Output.STDOUT: Kind.STDOUT, Output.STDERR: Kind.STDERR}


async def run(channel: Channel, spawn: Spawner) -> None:
    """Run a program for ``channel`` and answer with ``{"status": N}``: its exit status, 128+N for signal N. The client
    that goes away takes the program with it, as a terminal that is closed does."""
    on_terminal = "terminal" in channel.request
    if on_terminal:
        rows, columns = channel.request["size"]
        program = Program.on_terminal(spawn, (rows, columns))
    else:
        program = Program.on_pipes(spawn)
    client = _ChannelClient(channel, program, on_terminal)
    channel.listen(client.take)
    channel.result({"status": await program.run(client)})


class _ChannelClient:
    """What a program is told by frames, and tells in frames."""

    def __init__(self, channel: Channel, program: Program, on_terminal: bool) -> None:
        self._channel = channel
        self._program = program
        self._end = _END_OF_FILE if on_terminal else b""  # a terminal's input ends with a character, not by closing it
        self._input: asyncio.Queue[tuple[bytes, int]] = asyncio.Queue()  # with how much of it is the client's
        self._taken = 0

    def take(self, frame: Frame) -> None:
        if frame.kind is Kind.STDIN and frame.payload:
            self._input.put_nowait((frame.payload, len(frame.payload)))
        elif frame.kind is Kind.END_STDIN:
            self._input.put_nowait((self._end, 0))
        elif frame.kind is Kind.SIGNAL:
            self._program.kill(signal.Signals(frame.payload[0]))
        elif frame.kind is Kind.RESIZE:
            self._program.resize(*frame.size)
        elif frame.kind is Kind.CANCEL:
            self._program.kill(signal.SIGHUP)
            asyncio.get_running_loop().call_later(_HANGUP_GRACE, self._program.kill, signal.SIGKILL)

    async def read(self) -> bytes:
        """The next input. Asking for it says that the one before has been consumed."""
        if self._taken:
            self._channel.consumed(self._taken)
        data, self._taken = await self._input.get()
        return data

    async def write(self, output: Output, data: bytes) -> None:
        await self._channel.stream(_KINDS[output], data)
