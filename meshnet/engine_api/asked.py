"""What a request asks: its query and its body."""

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
