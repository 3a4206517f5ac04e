"""An HTTP/1.1 server's side of one connection, small enough to have hundreds of.

It answers every request, whatever its path, with a short text. Requests on one connection are answered in order, bodies
are read and dropped, and a connection is kept open as HTTP/1.0 and 1.1 say (RFC 9112 section 9.3).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

_HEAD_LIMIT = 64 * 1024
_REASONS = {
    200: "OK",
    400: "Bad Request",
    411: "Length Required",
    431: "Request Header Fields Too Large",
    505: "HTTP Version Not Supported",
}


@dataclass(frozen=True, slots=True)
class Request:
    """``line`` is the request line as it came; header names are in lower case."""

    line: str
    method: str
    target: str
    version: str
    headers: dict[str, str]

    @property
    def keeps_alive(self) -> bool:
        """Whether the client wants the connection kept open after the answer."""
        options = self.headers.get("connection", "").lower()
        return "close" not in options if self.version == "HTTP/1.1" else "keep-alive" in options


class BadRequest(Exception):
    """The client is answered with ``status``, and the connection closed."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def parse_head(head: bytes) -> Request:
    """A request from its head, without the empty line. Raises ``BadRequest``."""
    line, *rest = head.decode("latin-1").split("\r\n")
    words = line.split(" ")
    if len(words) != 3 or not words[0].isalpha():
        raise BadRequest(400)
    if words[2] not in ("HTTP/1.0", "HTTP/1.1"):
        raise BadRequest(505 if words[2].startswith("HTTP/") else 400)
    headers: dict[str, str] = {}
    for field in rest:
        name, colon, value = field.partition(":")
        if not colon or not name or name != name.strip():
            raise BadRequest(400)
        headers[name.lower()] = value.strip()
    return Request(line, words[0], words[1], words[2], headers)


def body_length(request: Request) -> int:
    """Bytes that follow the head. Raises ``BadRequest`` for a length that isn't told beforehand."""
    if "transfer-encoding" in request.headers:
        raise BadRequest(411)
    text = request.headers.get("content-length", "0")
    if not text.isdecimal():
        raise BadRequest(400)
    return int(text)


def response(status: int, text: str, *, head_only: bool, keep_alive: bool, version: str) -> bytes:
    """A whole answer. ``Content-Length`` is always there: HTTP/1.0's keep-alive depends on it."""
    body = text.encode()
    lines = [
        f"HTTP/1.1 {status} {_REASONS[status]}",
        time.strftime("Date: %a, %d %b %Y %H:%M:%S GMT", time.gmtime()),
        f"Content-Length: {len(body)}",
        "Content-Type: text/plain; charset=utf-8",
    ]
    if not keep_alive:
        lines.append("Connection: close")
    elif version == "HTTP/1.0":
        lines.append("Connection: keep-alive")
    return "\r\n".join((*lines, "", "")).encode() + (b"" if head_only else body)


def client_of(transport: asyncio.Transport) -> str:
    """The address at the other end."""
    name = transport.get_extra_info("peername")
    return str(name[0]) if name else "unknown"


class HttpConnection(asyncio.Protocol):
    """One client's connection; ``answer`` makes the text, ``open_ones`` holds it while it's open, and ``say`` is told
    of every request."""

    def __init__(
        self,
        answer: Callable[[Request], str],
        open_ones: set[asyncio.Transport],
        say: Callable[[str], None],
    ) -> None:
        self._answer = answer
        self._open_ones = open_ones
        self._say = say
        self._received = bytearray()
        self._body_left = 0
        self._request: Request | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._open_ones.add(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._open_ones.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        try:
            while self._step():
                pass
        except BadRequest as error:
            self._send(error.status, f"{error.status} {_REASONS[error.status]}\n", None)

    def _step(self) -> bool:
        """Take the next thing off the received bytes; whether there may be more."""
        if self._transport.is_closing():
            return False
        if self._request is None:
            return self._read_head()
        taken = min(self._body_left, len(self._received))
        del self._received[:taken]
        self._body_left -= taken
        if self._body_left:
            return False
        request, self._request = self._request, None
        self._say(f"{request.method} {request.target} from {client_of(self._transport)}")
        self._send(200, self._answer(request), request)
        return bool(self._received)

    def _read_head(self) -> bool:
        while self._received.startswith(b"\r\n"):  # some clients send one too many after a body (RFC 9112 section 2.2)
            del self._received[:2]
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            if len(self._received) > _HEAD_LIMIT:
                raise BadRequest(431)
            return False
        request = parse_head(bytes(self._received[:end]))
        self._body_left = body_length(request)
        del self._received[: end + 4]
        if self._body_left and request.headers.get("expect", "").lower() == "100-continue":
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._request = request
        return True

    def _send(self, status: int, text: str, request: Request | None) -> None:
        keep_alive = request is not None and request.keeps_alive
        version = request.version if request else "HTTP/1.1"
        head_only = request is not None and request.method == "HEAD"
        self._transport.write(response(status, text, head_only=head_only, keep_alive=keep_alive, version=version))
        if not keep_alive:
            self._transport.close()
