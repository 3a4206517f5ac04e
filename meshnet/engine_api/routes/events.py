"""``GET /events``: what has happened and what happens, a JSON object a line."""

from __future__ import annotations

import asyncio
import contextlib
import json

from aiohttp import web

from meshnet.engine_api.asked import filters
from meshnet.engine_api.context import context_of
from meshnet.engine_api.events import FILTERS, wanted
from meshnet.engine_api.instants import read
from meshnet.engine_api.notices import Notice
from meshnet.engine_api.streams import while_listening
from meshnet.errors import RefusedError
from meshnet.model import SECOND


async def events(request: web.Request) -> web.StreamResponse:
    """The headers go out at once. It ends when ``until`` has come."""
    context = context_of(request)
    chosen = filters(request, FILTERS)
    since, until = _instant(request, "since"), _instant(request, "until")
    if since is not None and until is not None and since > until:
        raise RefusedError(f"`since` time ({since // SECOND}) cannot be after `until` time ({until // SECOND})")
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    with context.hub.listening(context.machine) as news:
        past = context.hub.past(context.machine, since) if since is not None else []
        await response.prepare(request)
        async with while_listening(request):
            for notice in past:
                if wanted(notice, chosen) and (until is None or notice.time <= until):
                    await response.write(_line(notice))
            left = None if until is None else max(0, until - context.engines.now()) / SECOND
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    while True:
                        notice = await news.get()
                        if wanted(notice, chosen):
                            await response.write(_line(notice))
    return response


def _instant(request: web.Request, name: str) -> int | None:
    """Nanoseconds; clients have made instants of ``10m`` and the like already."""
    text = request.query.get(name, "")
    try:
        return read(text) if text else None
    except ValueError as error:
        raise RefusedError(f'invalid value for "{name}": {text!r} is no instant') from error


def _line(notice: Notice) -> bytes:
    return json.dumps(notice.json(), separators=(",", ":")).encode() + b"\n"


def routes() -> list[web.RouteDef]:
    return [web.get("/events", events)]
