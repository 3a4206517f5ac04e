"""Taking a connection over from aiohttp: after the answer's head it carries raw bytes, both ways.

Docker's clients ask for it with ``Connection: Upgrade`` and ``Upgrade: tcp``; the engine answers 101. The older form
has no such headers, and the engine answers 200 (moby, ``api/server/router/container/exec.go``).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Mapping

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from meshnet.engine_api.streams.server import StreamConnection

RAW = "application/vnd.docker.raw-stream"
MULTIPLEXED = "application/vnd.docker.multiplexed-stream"

_HELD = 256 * 1024
"""Bytes received and not yet asked for, and bytes sent and not yet taken, before the other side is made to wait."""

_LINGER = 2.0
"""Seconds that ``close`` gives the client to see the end and to close its side, too."""


def media_type(*, tty: bool, version: tuple[int, int]) -> str:
    """What the stream is called, for a client of that API version."""
    return MULTIPLEXED if not tty and version >= (1, 42) else RAW


class HijackedStream(asyncio.Protocol):
    """A connection's raw bytes.

    The client may end its side (``read`` returns empty from then on) and still be written to; that is how ``docker exec
    -i`` ends the program's input. One task may read while another writes.
    """

    def __init__(self, transport: asyncio.Transport, http: web.RequestHandler, *, half_closed: bool) -> None:
        self._transport = transport
        self._http = http
        self._received: deque[bytes] = deque()
        self._held = 0
        self._ended = half_closed
        self._lost = False
        self._closing = False
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    async def read(self) -> bytes:
        """The next bytes as they came; empty once the client has ended its side, or is gone."""
        while not self._received:
            if self._ended or self._lost:
                return b""
            self._news.clear()
            await self._news.wait()
        data = self._received.popleft()
        self._held -= len(data)
        if self._held < _HELD and not (self._ended or self._lost):
            self._transport.resume_reading()
        return data

    async def write(self, data: bytes) -> None:
        """Send ``data``, waiting while the client takes nothing. Raises ``ConnectionError`` when it is gone."""
        self._transport.write(data)
        await self._room.wait()
        if self._lost or self._transport.is_closing():
            raise ConnectionResetError("the client has closed the connection")

    async def close(self) -> None:
        """End both ways, once everything written has been taken. What the client still sends meanwhile is dropped: to
        close with bytes unread would make its end of the stream an error (``ECONNRESET``)."""
        if self._closing:
            return
        self._closing = True
        self._transport.set_write_buffer_limits(high=0)
        await self._room.wait()
        with contextlib.suppress(OSError):  # not connected any more
            self._transport.write_eof()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LINGER):
                while await self.read():
                    pass
        self._transport.close()

    def abort(self) -> None:
        """End both ways at once, whatever is under way."""
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._received.append(data)
        self._held += len(data)
        if self._held >= _HELD:
            self._transport.pause_reading()
        self._news.set()

    def eof_received(self) -> bool:
        self._ended = True
        self._news.set()
        return True  # asyncio would close both ways

    def pause_writing(self) -> None:
        self._room.clear()

    def resume_writing(self) -> None:
        self._room.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        self._news.set()
        self._room.set()
        self._http.connection_lost(exc)  # aiohttp's server counts its connections


class _Tail:
    """What aiohttp gives the bytes to that it had read behind the request."""

    def __init__(self) -> None:
        self.data = bytearray()

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        self.data += data
        return False, b""

    def feed_eof(self) -> None:
        """aiohttp says so to whom it has given a connection, when that is lost."""


class HijackedResponse(web.StreamResponse):
    """What a handler returns that has taken the connection over: aiohttp then sends nothing, and ends with it."""

    def __init__(self) -> None:
        super().__init__()
        self.force_close()

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        pass


async def takeover(
    request: web.Request, content_type: str = RAW, headers: Mapping[str, str] | None = None
) -> HijackedStream:
    """Answer ``request`` and make its connection a raw one. The handler has to return ``HijackedResponse()``, after
    ``close()``: aiohttp closes what is open then.

    ``content_type`` is for the answer to an upgrade; the older form knows only raw ones. ``headers`` are added. The
    request's body is read if the handler hasn't. Raises ``ConnectionResetError`` when the client is gone.
    """
    await request.read()  # the body's last byte is where the stream begins
    http = request.protocol
    transport = request.transport
    if transport is None or transport.is_closing():
        raise ConnectionResetError("the client has closed the connection")
    # From here on aiohttp takes nothing for a request: it gives what it has kept behind this one, and what may come
    # before the next step, to the tail.
    tail = _Tail()
    http.set_parser(tail)  # type: ignore[arg-type]  # made for web sockets; feed_data and feed_eof are all it calls
    # The timer for idle connections would close one on which nobody has said anything for an hour.
    http.keep_alive(False)
    # A public call of asyncio's: what arrives, what can be sent, and the end, are told to the stream alone.
    stream = HijackedStream(transport, http, half_closed=isinstance(http, StreamConnection) and http.half_closed)
    transport.set_protocol(stream)
    transport.set_write_buffer_limits(high=_HELD)
    if tail.data:
        stream.data_received(bytes(tail.data))
    transport.write(_head(request, content_type, headers or {}))
    return stream


def _head(request: web.Request, content_type: str, headers: Mapping[str, str]) -> bytes:
    upgrade = any(name.lower() == b"upgrade" for name, _ in request.raw_headers)
    if upgrade:
        lines = ["HTTP/1.1 101 UPGRADED", f"Content-Type: {content_type}", "Connection: Upgrade", "Upgrade: tcp"]
    else:
        lines = ["HTTP/1.1 200 OK", f"Content-Type: {RAW}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join((*lines, "", "")).encode()
