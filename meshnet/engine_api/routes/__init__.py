"""The endpoints, a module a subject."""

from __future__ import annotations

from aiohttp import web

from meshnet.engine_api.routes import system

_MODULES = (system,)


def all_routes() -> list[web.RouteDef]:
    """Every endpoint there is, without a version."""
    return [route for module in _MODULES for route in module.routes()]
