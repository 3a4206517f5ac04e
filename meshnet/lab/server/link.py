"""The lab's end of the control stream."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

from meshnet.lab.control.wire import CHUNK, LINK, WINDOW, Decoder, Frame, Json, Kind, credit_frame, json_frame

_READ = 128 * 1024

FrameHandler = Callable[[Frame], None]


class Channel:
    """One request under way. Its methods belong to the event loop's thread; ``post`` is for the others."""

    def __init__(self, link: Link, number: int, request: Json) -> None:
        self.request = request
        self._early: list[Frame] = []
        self._on_frame: FrameHandler = self._early.append
        self._link = link
        self._number = number
        self._credit = WINDOW
        self._room = asyncio.Event()
        self._room.set()
        self._over = False

    def listen(self, on_frame: FrameHandler) -> None:
        """Have ``on_frame`` called with every frame of this channel, those that came before first."""
        self._on_frame = on_frame
        for frame in self._early:
            on_frame(frame)
        self._early.clear()

    def event(self, value: Json) -> None:
        self._send(json_frame(self._number, Kind.EVENT, value))

    def result(self, value: Json) -> None:
        """Answer, and end the channel; what comes after is dropped."""
        self._send(json_frame(self._number, Kind.RESULT, value))
        self._over = True
        self._room.set()
        self._link.forget(self._number)

    def post(self, send: Callable[[Json], None], value: Json) -> None:
        """``channel.post(channel.event, {...})`` from another thread."""
        self._link.loop.call_soon_threadsafe(send, value)

    async def stream(self, kind: Kind, data: bytes) -> None:
        """Send stream data, waiting while the client has a full window unconsumed."""
        view = memoryview(data)
        while view and not self._over:
            await self._room.wait()
            piece = view[: max(1, min(CHUNK, self._credit))]
            self._send(Frame(self._number, kind, bytes(piece)))
            view = view[len(piece) :]
            self._credit -= len(piece)
            if self._credit <= 0:
                self._room.clear()

    def consumed(self, count: int) -> None:
        """Let the client send ``count`` more bytes of input."""
        self._send(credit_frame(self._number, count))

    def take(self, frame: Frame) -> None:
        """A frame for this channel arrived."""
        if frame.kind is Kind.CREDIT:
            self._credit += frame.credit
            if self._credit > 0:
                self._room.set()
            return
        if frame.kind is Kind.CANCEL:
            self._over = True
            self._room.set()
            self._link.forget(self._number)
        self._on_frame(frame)

    def _send(self, frame: Frame) -> None:
        if not self._over:
            self._link.send(frame)


class Link:
    """Reads frames off ``fd`` and writes them to it, in the event loop; calls ``on_open`` with each new channel and
    ``on_end`` when the stream is over."""

    def __init__(self, fd: int, on_open: Callable[[Channel], None], on_end: Callable[[], None]) -> None:
        self.loop = asyncio.get_running_loop()
        self._fd = fd
        self._out = os.dup(fd)  # an event loop watches one callback a descriptor and direction
        self._on_open = on_open
        self._on_end = on_end
        self._decoder = Decoder()
        self._channels: dict[int, Channel] = {}
        self._pending = bytearray()
        self._idle = asyncio.Event()
        os.set_blocking(fd, False)
        self.loop.add_reader(fd, self._readable)

    def send(self, frame: Frame) -> None:
        idle = not self._pending
        self._pending += frame.encode()
        if idle:
            self._writable()
            if self._pending:
                self.loop.add_writer(self._out, self._writable)

    def close(self) -> None:
        """Close the stream, once the event loop watches it no more."""
        os.close(self._fd)
        os.close(self._out)

    def forget(self, number: int) -> None:
        self._channels.pop(number, None)

    async def flushed(self) -> None:
        """Wait until everything sent has been handed to the kernel."""
        self._idle.clear()
        if self._pending:
            await self._idle.wait()

    def _readable(self) -> None:
        try:
            data = os.read(self._fd, _READ)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.loop.remove_reader(self._fd)
            self._on_end()
            return
        self.send(credit_frame(LINK, len(data)))
        for frame in self._decoder.feed(data):
            self._dispatch(frame)

    def _dispatch(self, frame: Frame) -> None:
        if frame.kind is Kind.OPEN:
            channel = self._channels[frame.channel] = Channel(self, frame.channel, frame.json)
            self._on_open(channel)
            return
        known = self._channels.get(frame.channel)
        if known is not None:
            known.take(frame)

    def _writable(self) -> None:
        try:
            while self._pending:
                count = os.write(self._out, self._pending[:_READ])
                del self._pending[:count]
        except BlockingIOError:
            return
        except OSError:
            self._pending.clear()
        self._idle.set()
        self.loop.remove_writer(self._out)
