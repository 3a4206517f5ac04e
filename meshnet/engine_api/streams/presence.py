"""Answers that go on for as long as somebody listens: ``docker events``, ``logs -f``, ``stats``, ``wait``."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from aiohttp import web

from meshnet.engine_api.streams.server import StreamConnection


@contextlib.asynccontextmanager
async def while_listening(request: web.Request) -> AsyncIterator[None]:
    """Ends what is within, without a word, once the client is gone.

    A client that ends its side counts as gone: who asks without taking the connection over has nothing more to say
    after its request, and Go's server reads it so, too (net/http ends a request's context when it reads the end).
    """
    connection = request.protocol
    assert isinstance(connection, StreamConnection)
    try:
        async with asyncio.timeout(None) as patience:
            loop = asyncio.get_running_loop()
            connection.when_gone(lambda: patience.reschedule(loop.time()))
            try:
                yield
            finally:
                connection.when_gone(None)
    except ConnectionError:
        return
    except TimeoutError:
        if not patience.expired():
            raise
