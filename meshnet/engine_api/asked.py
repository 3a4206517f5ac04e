"""What a request asks: its query and its body."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from aiohttp import web

from meshnet.engine_api.answers import HttpError

Filters = Mapping[str, frozenset[str]]

_NO = ("", "0", "no", "false", "none")
"""What Docker takes for no (api/server/httputils/form.go)."""

_DIGITS = 20
"""As many as the largest number of 64 bits has."""


def flag(request: web.Request, name: str, default: bool = False) -> bool:
    """A yes or no of the query."""
    value = request.query.get(name)
    return default if value is None else value.strip().lower() not in _NO


def number(request: web.Request, name: str) -> int | None:
    """A number of the query, or None. Raises ``HttpError``."""
    text = request.query.get(name, "")
    if not text:
        return None
    try:
        return int(text)
    except ValueError as error:
        raise HttpError(400, f'strconv.Atoi: parsing "{text}": invalid syntax') from error


def version(request: web.Request) -> int:
    """The version that an update was made for. Raises ``HttpError`` where it isn't said."""
    text = request.query.get("version", "")
    if not (text.isascii() and text.isdecimal()):
        raise HttpError(400, f"invalid version '{text}': strconv.ParseUint: parsing \"{text}\": invalid syntax")
    if len(text) > _DIGITS:
        raise HttpError(400, f"invalid version '{text}': strconv.ParseUint: parsing \"{text}\": value out of range")
    return int(text)


async def body(request: web.Request, *, needed: bool = False) -> dict[str, Any]:
    """A request's JSON object; nothing at all is an empty one, unless one is ``needed``. Raises ``HttpError``."""
    data = await request.read()
    if not data.strip():
        if needed:
            raise HttpError(400, "invalid JSON: got EOF while reading request body")
        return {}
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise HttpError(400, f"invalid JSON: {error}") from error
    if not isinstance(found, dict):
        raise HttpError(400, "invalid JSON: an object is expected")
    return found


def filters(request: web.Request, known: Collection[str]) -> Filters:
    """The query's filters, written as maps or as lists. Raises ``HttpError`` for an unknown one."""
    text = request.query.get("filters", "")
    try:
        given = json.loads(text) if text else {}
        found = {key: _values(values) for key, values in given.items()}
    except (ValueError, AttributeError, TypeError, RecursionError) as error:
        raise HttpError(400, f"invalid filter: {error}") from error
    for key in found:
        if key not in known:
            raise HttpError(400, f"invalid filter '{key}'")
    return {key: values for key, values in found.items() if values}


def _values(values: object) -> frozenset[str]:
    """A filter's values: of a map those that are set to true. Raises ``TypeError`` for anything but text."""
    if isinstance(values, dict):
        values = [value for value, wanted in values.items() if wanted]
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise TypeError("its values are strings, in a list or as a map's keys")
    return frozenset(values)


def begins(text: str, wanted: Collection[str] | None) -> bool:
    """Whether ``text`` begins with one of those that are wanted, or nobody wants any: filters ``id`` and ``name``."""
    return wanted is None or any(text.startswith(each) for each in wanted)


def labels_match(wanted: Collection[str], labels: Mapping[str, str]) -> bool:
    """Whether ``labels`` has every one of ``KEY`` and ``KEY=VALUE``."""
    for each in wanted:
        key, equals, value = each.partition("=")
        if key not in labels or (equals and labels[key] != value):
            return False
    return True
