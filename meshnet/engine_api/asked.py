"""What a request asks: its query, its body, its client's version; and what an answer is made of."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from aiohttp import web

from meshnet.errors import RefusedError

Filters = Mapping[str, frozenset[str]]

_NO = ("", "0", "no", "false", "none")
"""What Docker takes for no (api/server/httputils/form.go)."""


def flag(request: web.Request, name: str, default: bool = False) -> bool:
    """A yes or no of the query."""
    value = request.query.get(name)
    return default if value is None else value.strip().lower() not in _NO


def number(request: web.Request, name: str) -> int | None:
    """A number of the query, or None. Raises ``RefusedError``."""
    text = request.query.get(name, "")
    if not text:
        return None
    try:
        return int(text)
    except ValueError as error:
        raise RefusedError(f'strconv.Atoi: parsing "{text}": invalid syntax') from error


def version(request: web.Request) -> tuple[int, int]:
    """The API version that the client speaks."""
    first = request.path.split("/", 2)[1]
    major, _, minor = first.removeprefix("v").partition(".")
    return (int(major), int(minor)) if major.isdecimal() and minor.isdecimal() else (1, 50)


async def body(request: web.Request) -> dict[str, Any]:
    """A request's JSON object; nothing at all is an empty one. Raises ``RefusedError``."""
    data = await request.read()
    if not data:
        return {}
    try:
        found = json.loads(data)
    except ValueError as error:
        raise RefusedError(f"invalid JSON: {error}") from error
    if not isinstance(found, dict):
        raise RefusedError("invalid JSON: an object is expected")
    return found


def filters(request: web.Request, known: Collection[str]) -> Filters:
    """The query's filters, written as maps or as lists. Raises ``RefusedError`` for an unknown one."""
    text = request.query.get("filters", "")
    try:
        given = json.loads(text) if text else {}
        found = {
            key: frozenset(str(value) for value in values if not isinstance(values, dict) or values[value])
            for key, values in given.items()
        }
    except (ValueError, AttributeError, TypeError) as error:
        raise RefusedError(f"invalid filter: {error}") from error
    for key in found:
        if key not in known:
            raise RefusedError(f"invalid filter '{key}'")
    return {key: values for key, values in found.items() if values}


def answer(value: object, status: int = 200) -> web.Response:
    """JSON, by exactly the content type that clients compare with."""
    return web.Response(body=json.dumps(value).encode(), status=status, headers={"Content-Type": "application/json"})


def done(status: int = 204) -> web.Response:
    return web.Response(status=status)
