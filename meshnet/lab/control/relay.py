"""Carries frames between any number of clients and the lab's one stream, in a thread of the launcher.

Clients number their channels as they like; on the lab's stream each gets a number of its own. A client that goes away
has its channels cancelled. When the stream ends the clients' streams end too.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Coroutine
from dataclasses import dataclass, replace

from meshnet.errors import LabError
from meshnet.lab.control import rendezvous
from meshnet.lab.control.wire import LINK, UNREAD, Decoder, Frame, Kind

_READ = 128 * 1024


@dataclass(eq=False)
class _Client:
    writer: asyncio.StreamWriter
    channels: dict[int, int]  # its own numbers to the stream's


class Relay:
    """Between clients and the lab at the other end of ``link``. ``start`` it once, after the last fork."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="relay", daemon=True)
        self._writer: asyncio.StreamWriter | None = None
        self._ready = asyncio.Event()
        self._sending = asyncio.Lock()
        self._unread = 0
        self._read = asyncio.Event()
        self._accepting = threading.Lock()
        self._over = False
        self._open: dict[int, tuple[_Client, int]] = {}
        self._last = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        self._thread.start()

    def join(self, timeout: float | None = None) -> None:
        """Wait until the lab's stream has ended and everything is closed, or for that many seconds."""
        self._thread.join(timeout)

    def connect(self) -> socket.socket:
        """A client's stream from within this process. ``LabError`` when the lab has ended."""
        with self._accepting:
            if self._over:
                raise LabError("the lab has ended")
            ours, theirs = socket.socketpair()
            self._loop.call_soon_threadsafe(self._accept, theirs)
        return ours

    def announce(self, name: str) -> None:
        """Let second terminals find the lab under ``name``."""
        listener = rendezvous.announce(name)
        asyncio.run_coroutine_threadsafe(self._serve(listener), self._loop).result()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._carry_until_the_end())
        self._loop.close()

    async def _carry_until_the_end(self) -> None:
        await self._carry_from_lab()
        with self._accepting:
            self._over = True
        await asyncio.sleep(0)  # those accepted before that get a task, which ends with the others
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, listener: socket.socket) -> None:
        listener.setblocking(False)

        async def accept_all() -> None:
            with listener:
                while True:
                    connection, _ = await self._loop.sock_accept(listener)
                    if rendezvous.may_speak(connection):
                        self._accept(connection)
                    else:
                        connection.close()

        self._keep(accept_all())

    def _accept(self, connection: socket.socket) -> None:
        self._keep(self._carry_from_client(connection))

    def _keep(self, work: Coroutine[None, None, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry_from_lab(self) -> None:
        reader, self._writer = await asyncio.open_connection(sock=self._link)
        self._ready.set()
        decoder = Decoder()
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(_READ):
                for frame in decoder.feed(data):
                    self._to_client(frame)
        await _closed(self._writer)

    def _to_client(self, frame: Frame) -> None:
        if frame.channel == LINK:
            self._unread -= frame.credit
            self._read.set()
            return
        client, number = self._open.get(frame.channel, (None, 0))
        if client is None:
            return  # cancelled meanwhile
        if frame.kind is Kind.RESULT:
            del self._open[frame.channel]
            client.channels.pop(number, None)
        client.writer.write(replace(frame, channel=number).encode())

    async def _carry_from_client(self, connection: socket.socket) -> None:
        reader, writer = await asyncio.open_connection(sock=connection)
        client = _Client(writer, {})
        decoder = Decoder()
        try:
            while data := await reader.read(_READ):
                for frame in decoder.feed(data):
                    await self._to_lab(client, frame)
        except ConnectionError:
            pass  # it went away without a word
        finally:
            await _closed(writer)
        for channel in client.channels.values():
            self._open.pop(channel, None)
            await self._send(Frame(channel, Kind.CANCEL))

    async def _to_lab(self, client: _Client, frame: Frame) -> None:
        if frame.kind is Kind.OPEN:
            self._last += 1
            client.channels[frame.channel] = self._last
            self._open[self._last] = (client, frame.channel)
        channel = client.channels.get(frame.channel)
        if channel is not None:
            await self._send(replace(frame, channel=channel))

    async def _send(self, frame: Frame) -> None:
        """As fast as the lab reads: it may have no more than ``UNREAD`` bytes before it."""
        await self._ready.wait()
        assert self._writer is not None
        rest = memoryview(frame.encode())
        async with self._sending:
            with contextlib.suppress(ConnectionError):
                while rest:
                    while self._unread >= UNREAD:
                        self._read.clear()
                        await self._read.wait()
                    piece = rest[: UNREAD - self._unread]
                    self._unread += len(piece)
                    self._writer.write(piece)
                    await self._writer.drain()
                    rest = rest[len(piece) :]


async def _closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
