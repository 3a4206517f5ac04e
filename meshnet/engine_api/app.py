"""The application: one for each node's engine, all served by the lab's one process.

Every route stands with and without the prefix ``/v1.NN``. A module of routes has a function ``routes()`` that gives
them as aiohttp's route definitions, without a prefix.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from aiohttp import web

from meshnet.engine_api import answers
from meshnet.engine_api.answers import Handler, as_json
from meshnet.engine_api.context import CONTEXT, Context
from meshnet.engine_api.engine_version import of_generation

API_VERSION = (1, 50)
OLDEST_API_VERSION = (1, 24)
LARGEST_BODY = 4 * 1024 * 1024
"""Bytes; configs and secrets are limited to half a megabyte, and nothing else comes near."""

_VERSION = r"[0-9]{1,4}\.[0-9]{1,4}"
_PREFIX = re.compile(rf"/v({_VERSION})(?=/)")


def api_text(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"


def make_app(context: Context, routes: Iterable[web.RouteDef]) -> web.Application:
    """The engine of one node."""
    app = web.Application(middlewares=[_headers, answers.errors, _versions], client_max_size=LARGEST_BODY)
    app[CONTEXT] = context
    for route in routes:
        versioned = f"/v{{version:{_VERSION}}}{route.path}"
        app.add_routes([route, web.RouteDef(route.method, versioned, route.handler, route.kwargs)])
    return app


@web.middleware
async def _versions(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse what a client of a version that this engine doesn't speak asks."""
    if _PREFIX.match(request.path):
        version = version_of(request)
        if version > API_VERSION:
            return as_json(
                {
                    "message": f"client version {api_text(version)} is too new. "
                    f"Maximum supported API version is {api_text(API_VERSION)}"
                },
                400,
            )
        if version < OLDEST_API_VERSION:
            return as_json(
                {
                    "message": f"client version {api_text(version)} is too old. Minimum supported API version is "
                    f"{api_text(OLDEST_API_VERSION)}, please upgrade your client to a newer version"
                },
                400,
            )
    return await handler(request)


@web.middleware
async def _headers(request: web.Request, handler: Handler) -> web.StreamResponse:
    """What every answer of an engine says of it; streams have begun by now, and say it themselves."""
    response = await handler(request)
    if not response.prepared:
        response.headers.update(engine_headers(request))
    return response


def engine_headers(request: web.Request) -> dict[str, str]:
    """The headers by which clients know what they speak to."""
    generation = request.app[CONTEXT].node.generation
    return {
        "Api-Version": api_text(API_VERSION),
        "Docker-Experimental": "false",
        "Ostype": "linux",
        "Server": f"Docker/{of_generation(generation)} (linux)",
    }


def version_of(request: web.Request) -> tuple[int, int]:
    """The API version that a request is made in."""
    match = _PREFIX.match(request.path)
    if match is None:
        return API_VERSION
    major, _, minor = match[1].partition(".")
    return int(major), int(minor)
