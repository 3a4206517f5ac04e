"""Configs and secrets."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from meshnet.engine_api import asked
from meshnet.engine_api.answers import BY_SWARM, HttpError, as_json, nothing
from meshnet.engine_api.context import context_of
from meshnet.engine_api.given import Given
from meshnet.engine_api.lookup import find
from meshnet.engine_api.swarm_json import meta_json
from meshnet.model import ClusterState, Stored, StoredKind, StoredSpec
from meshnet.orchestrator.commands import CreateStored, RemoveStored, UpdateStored

_FILTERS = ("id", "label", "name", "names")

Handler = Callable[[web.Request, StoredKind], Awaitable[web.StreamResponse]]


def routes() -> list[web.RouteDef]:
    return [route for kind in StoredKind for route in _routes(kind)]


def _routes(kind: StoredKind) -> list[web.RouteDef]:
    def of_kind(handler: Handler) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            context_of(request).manager()
            request[BY_SWARM] = True
            return await handler(request, kind)

        return handle

    return [
        web.get(f"/{kind}s", of_kind(_list)),
        web.post(f"/{kind}s/create", of_kind(_create)),
        web.get(f"/{kind}s/{{id}}", of_kind(_inspect)),
        web.post(f"/{kind}s/{{id}}/update", of_kind(_update)),
        web.delete(f"/{kind}s/{{id}}", of_kind(_remove)),
    ]


async def _list(request: web.Request, kind: StoredKind) -> web.Response:
    filters = asked.filters(request, _FILTERS)
    stored = [each for each in _of_kind(context_of(request).state, kind) if _wanted(each, filters)]
    return as_json([stored_json(each) for each in stored])


def _wanted(stored: Stored, filters: asked.Filters) -> bool:
    return (
        asked.begins(stored.id, filters.get("id"))
        and asked.begins(stored.name, filters.get("name"))
        and ("names" not in filters or stored.name in filters["names"])
        and asked.labels_match(filters.get("label", frozenset()), stored.labels)
    )


async def _create(request: web.Request, kind: StoredKind) -> web.Response:
    given = Given(await asked.body(request, needed=True), f"{kind.capitalize()}Spec")
    spec = StoredSpec(kind, given.text("Name"), _data(given), given.names("Labels"))
    state = context_of(request).engines.submit(CreateStored(spec))
    made = next(each for each in _of_kind(state, kind) if each.name == spec.name)
    return as_json({"ID": made.id}, 201)


async def _inspect(request: web.Request, kind: StoredKind) -> web.Response:
    return as_json(stored_json(_find(request, kind)))


async def _update(request: web.Request, kind: StoredKind) -> web.Response:
    stored = _find(request, kind)
    version = asked.version(request)
    given = Given(await asked.body(request, needed=True), f"{kind.capitalize()}Spec")
    if _data(given) not in (b"", stored.data):
        raise HttpError(400, "rpc error: code = InvalidArgument desc = only updates to Labels are allowed")
    context_of(request).engines.submit(UpdateStored(stored.id, given.names("Labels"), version))
    return nothing(200)


async def _remove(request: web.Request, kind: StoredKind) -> web.Response:
    context_of(request).engines.submit(RemoveStored(_find(request, kind).id))
    return nothing(204)


def _data(given: Given) -> bytes:
    try:
        return base64.b64decode(given.text("Data"), validate=True)
    except ValueError as error:  # of which binascii.Error is one
        raise HttpError(400, f"invalid JSON: illegal base64 data: {error}") from error


def stored_json(stored: Stored) -> dict[str, Any]:
    """A config with what it holds, a secret without."""
    spec: dict[str, Any] = {"Name": stored.name, "Labels": dict(stored.labels)}
    if stored.kind is StoredKind.CONFIG:
        spec["Data"] = base64.b64encode(stored.data).decode()
    return {"ID": stored.id, **meta_json(stored.meta), "Spec": spec}


def _of_kind(state: ClusterState, kind: StoredKind) -> list[Stored]:
    return [each for each in state.stored.values() if each.kind is kind]


def _find(request: web.Request, kind: StoredKind) -> Stored:
    return find(
        _of_kind(context_of(request).state, kind),
        request.match_info["id"],
        id_of=lambda stored: stored.id,
        name_of=lambda stored: stored.name,
        kind=str(kind),
    )
