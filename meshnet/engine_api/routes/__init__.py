"""The endpoints, a module a subject."""

from __future__ import annotations

from aiohttp import web

from meshnet.engine_api.containers import execs, output
from meshnet.engine_api.containers import routes as containers
from meshnet.engine_api.networks import routes as networks
from meshnet.engine_api.routes import (
    distribution,
    events,
    images,
    nodes,
    services,
    storage,
    stored,
    swarm,
    system,
    tasks,
)

_MODULES = (
    *(system, swarm, nodes, services, tasks, stored, distribution),
    *(networks, containers, execs, output, images, events, storage),
)


def all_routes() -> list[web.RouteDef]:
    """Every endpoint there is, without a version."""
    return [route for module in _MODULES for route in module.routes()]
