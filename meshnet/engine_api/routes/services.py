"""Services."""

from __future__ import annotations

from dataclasses import replace

from aiohttp import web

from meshnet.engine_api import asked
from meshnet.engine_api.answers import BY_SWARM, HttpError, as_json, nothing
from meshnet.engine_api.context import context_of
from meshnet.engine_api.lookup import find
from meshnet.engine_api.service_spec import service_spec
from meshnet.engine_api.services_json import service_json
from meshnet.engine_api.task_logs import send_logs
from meshnet.model import ClusterState, ContainerId, Service, ServiceSpec
from meshnet.model.ids import derived_id
from meshnet.orchestrator.commands import CreateService, RemoveService, RollbackService, UpdateService
from meshnet.orchestrator.container_names import drawn

_FILTERS = ("id", "label", "mode", "name", "runtime")


def routes() -> list[web.RouteDef]:
    return [
        web.get("/services", _list),
        web.post("/services/create", _create),
        web.get("/services/{id}", _inspect),
        web.post("/services/{id}/update", _update),
        web.delete("/services/{id}", _remove),
        web.get("/services/{id}/logs", _logs),
    ]


async def _list(request: web.Request) -> web.Response:
    context = context_of(request)
    context.manager()
    filters = asked.filters(request, _FILTERS)
    counted = asked.flag(request, "status")
    state = context.state
    shown = [service for service in state.services.values() if _wanted(service, filters)]
    return as_json([service_json(state, service, status=counted) for service in shown])


def _wanted(service: Service, filters: asked.Filters) -> bool:
    spec = service.spec
    return (
        asked.begins(service.id, filters.get("id"))
        and asked.begins(spec.name, filters.get("name"))
        and asked.labels_match(filters.get("label", frozenset()), spec.labels)
        and ("mode" not in filters or spec.mode in filters["mode"])
        and ("runtime" not in filters or "container" in filters["runtime"])
    )


async def _create(request: web.Request) -> web.Response:
    context = context_of(request)
    context.manager()
    spec = _named(context.state, service_spec(context.state, await asked.body(request, needed=True)))
    request[BY_SWARM] = True
    state = context.engines.submit(CreateService(spec))
    made = state.service_named(spec.name)
    assert made is not None
    return as_json({"ID": made.id, "Warnings": None}, 201)


def _named(state: ClusterState, spec: ServiceSpec) -> ServiceSpec:
    """With a name of two words, where it has none (moby daemon/cluster/convert/service.go)."""
    if spec.name:
        return spec
    seed = ContainerId(derived_id(state.counters.seed, "service without a name", str(state.version)))
    return replace(spec, name=drawn(seed, {service.spec.name for service in state.services.values()}))


async def _inspect(request: web.Request) -> web.Response:
    context = context_of(request)
    context.manager()
    service = find_service(context.state, request.match_info["id"])
    return as_json(service_json(context.state, service, defaults=asked.flag(request, "insertDefaults")))


async def _update(request: web.Request) -> web.Response:
    context = context_of(request)
    context.manager()
    service = find_service(context.state, request.match_info["id"])
    version = asked.version(request)
    request[BY_SWARM] = True
    rollback = request.query.get("rollback", "")
    if rollback:
        if rollback != "previous":
            raise HttpError(400, f"unrecognized rollback option {rollback}")
        context.engines.submit(RollbackService(service.id, version))
    else:
        spec = service_spec(context.state, await asked.body(request, needed=True))
        context.engines.submit(UpdateService(service.id, spec, version))
    return as_json({"Warnings": None})


async def _remove(request: web.Request) -> web.Response:
    context = context_of(request)
    context.manager()
    service = find_service(context.state, request.match_info["id"])
    context.engines.submit(RemoveService(service.id))
    return nothing(200)


async def _logs(request: web.Request) -> web.StreamResponse:
    context = context_of(request)
    context.manager()
    service = find_service(context.state, request.match_info["id"])
    return await send_logs(request, lambda task: task.service == service.id)


def find_service(state: ClusterState, wanted: str) -> Service:
    return find(
        state.services.values(),
        wanted,
        id_of=lambda service: service.id,
        name_of=lambda service: service.spec.name,
        kind="service",
    )
