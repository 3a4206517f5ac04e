"""Which lines a request for a log wants, a container's or a service's."""

from __future__ import annotations

from aiohttp import web

from meshnet.engine_api.answers import HttpError
from meshnet.engine_api.asked import flag
from meshnet.engine_api.instants import read
from meshnet.lab.workloads.logs import LogQuery

_DIGITS = 18
"""A number of lines longer than this is all of them."""


def log_query(request: web.Request) -> LogQuery:
    """Raises ``HttpError``."""
    stdout, stderr = flag(request, "stdout"), flag(request, "stderr")
    if not (stdout or stderr):
        raise HttpError(400, "Bad parameters: you must choose at least one stream")
    tail = request.query.get("tail", "")
    return LogQuery(
        stdout=stdout,
        stderr=stderr,
        tail=int(tail) if tail.isdecimal() and len(tail) <= _DIGITS else None,
        since=_instant(request, "since"),
        until=_instant(request, "until") or None,
        follow=flag(request, "follow"),
    )


def _instant(request: web.Request, name: str) -> int:
    """Nanoseconds; 0 where nothing is said."""
    text = request.query.get(name, "")
    try:
        return read(text) if text else 0
    except ValueError as error:
        raise HttpError(400, f'invalid value for "{name}": {text!r} is no instant') from error
