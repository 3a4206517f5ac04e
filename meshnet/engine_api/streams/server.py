"""aiohttp's server, made not to lose a byte of a connection that may be taken over.

Three things about aiohttp 3.14 stand in the way of ``takeover``:

* Its parser in C takes only ``Upgrade: websocket`` for an upgrade, and drops what stands behind the head and the body
  of any other; the one in Python knows ``tcp``, too, and keeps it.
* Neither knows Docker's older way, a request without ``Upgrade`` whose connection goes raw after a 200: what follows
  would be read as the next request. So such a request is given the missing header before the parser acts on it.
* A client that has sent all it has may half-close at once. asyncio closes the whole connection at that unless
  ``eof_received`` returns True, and aiohttp's returns None (aiohttp issue 3659).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from aiohttp import hdrs, web
from aiohttp.http_parser import HttpRequestParserPy
from aiohttp.web_protocol import RequestHandler, RequestPayloadError
from multidict import CIMultiDict, CIMultiDictProxy

_TAKEN_OVER = re.compile(r"(/v\d+\.\d+)?/(exec/[^/]+/start|containers/[^/]+/attach)(\?.*)?")
"""Targets of the requests that Docker's engine takes over."""


class _Parser(HttpRequestParserPy):
    """Sees an upgrade in every request that is to be taken over."""

    @property
    def lacks_body(self) -> bool:
        """Whether a request has come whose body hasn't yet, or not all of it."""
        return self._payload_parser is not None

    def parse_message(self, lines: list[bytes]) -> Any:
        message = super().parse_message(lines)
        if message.upgrade or message.method != hdrs.METH_POST or not _TAKEN_OVER.fullmatch(message.path):
            return message
        headers = CIMultiDict(message.headers)
        headers[hdrs.UPGRADE] = "tcp"  # raw_headers still say what the client sent
        return message._replace(headers=CIMultiDictProxy(headers), upgrade=True)


class StreamConnection(RequestHandler):
    """One connection to the API, which may be taken over."""

    half_closed = False
    """Whether the client has said that it will send no more."""

    _lost = False
    _told: Callable[[], None] | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._parser = _Parser(
            self,
            self._loop,
            self._read_bufsize,
            max_line_size=self.max_line_size,
            max_headers=self.max_headers,
            max_field_size=self.max_field_size,
            payload_exception=RequestPayloadError,
            max_msg_queue_size=self._max_msg_queue_size,
        )

    def when_gone(self, tell: Callable[[], None] | None) -> None:
        """Have ``tell`` called, now or later, once the client has ended its side or is gone; None takes it back."""
        self._told = tell
        if self.half_closed or self._lost:
            self._tell()

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        self._lost = True
        self._tell()

    def _tell(self) -> None:
        if self._told is not None:
            self._told()
            self._told = None

    def eof_received(self) -> bool:  # type: ignore[override]  # asyncio asks for bool | None, aiohttp promised None
        """Keep the connection for the answer that is being made; it closes with that. A request that breaks off gets
        none."""
        idle = self._request_count == 0 or (self._waiter is not None and not self._waiter.done())
        if idle or (isinstance(self._parser, _Parser) and self._parser.lacks_body):
            return False
        self.half_closed = True
        self.close()  # the request under way is the last
        self._tell()
        return True


class _Server(web.Server):
    def __call__(self) -> RequestHandler:
        return StreamConnection(self, loop=self._loop, **self._kwargs)


class StreamRunner(web.AppRunner):
    """An ``AppRunner`` for applications whose handlers use ``takeover``. Give it ``UnixSite``s as usual."""

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        return _Server(made.request_handler, request_factory=made.request_factory, **made._kwargs)
