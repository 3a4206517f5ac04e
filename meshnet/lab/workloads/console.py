"""A container's own streams: what it says goes into its log and to whoever is attached; what they type goes to it."""

from __future__ import annotations

import asyncio

from meshnet.lab.programs import Client, Output, Program
from meshnet.lab.workloads.logs import LogBuffer


class Console:
    """The client that a container's first process runs for. It belongs to the event loop's thread.

    ``terminal`` and ``open_stdin`` are what ``docker run -t`` and ``-i`` ask for. It outlives the process: a container
    that is started again goes on with it.
    """

    def __init__(self, *, terminal: bool = False, open_stdin: bool = False) -> None:
        self.log = LogBuffer()
        self.log.closed = True
        self.terminal = terminal
        self.open_stdin = open_stdin
        self.size: tuple[int, int] | None = None
        self._attached: list[Client] = []
        self._input: asyncio.Queue[bytes] = asyncio.Queue(maxsize=1)
        self._over = asyncio.Event()
        self._program: Program | None = None
        self._showing: set[asyncio.Task[None]] = set()

    def begin(self) -> None:
        """A process is about to speak."""
        self.log.closed = False
        self._over.clear()

    def joined(self, program: Program) -> None:
        """The process has started, on a terminal that may change its size."""
        self._program = program

    def end(self) -> None:
        """It has ended, and all it said is here."""
        self._program = None
        self._input = asyncio.Queue(maxsize=1)  # what is typed before it starts again is for the next
        self.log.close()
        self._over.set()

    def resize(self, rows: int, columns: int) -> None:
        self.size = (rows, columns)
        if self._program is not None:
            self._program.resize(rows, columns)

    async def read(self) -> bytes:
        """What somebody attached has typed; empty when they have come to its end."""
        return await self._input.get() if self.open_stdin else b""

    async def write(self, output: Output, data: bytes) -> None:
        self.log.write(output, data)
        await self._show(output, data)

    async def _show(self, output: Output, data: bytes) -> None:
        for client in tuple(self._attached):
            try:
                await client.write(output, data)
            except ConnectionError:
                self._attached.remove(client)

    def say(self, text: str) -> None:
        """A line of output that a served workload has to say of itself."""
        line = f"{text}\n".encode()
        self.log.write(Output.STDOUT, line)
        if self._attached:
            showing = asyncio.get_running_loop().create_task(self._show(Output.STDOUT, line))
            self._showing.add(showing)
            showing.add_done_callback(self._showing.discard)

    async def attach(self, client: Client) -> None:
        """Let ``client`` take part until the container ends: the one that runs, or the next that will."""
        self._attached.append(client)
        if self._program is None:
            self._over.clear()
        typing = asyncio.create_task(self._type(client))
        try:
            await self._over.wait()
        finally:
            typing.cancel()
            await asyncio.gather(typing, return_exceptions=True)
            if client in self._attached:
                self._attached.remove(client)

    async def _type(self, client: Client) -> None:
        """The client's input; its end is the input's."""
        while data := await client.read():
            if self.open_stdin:
                await self._input.put(data)
        if self.open_stdin:
            await self._input.put(b"")
