"""Tasks."""

from __future__ import annotations

from aiohttp import web

from meshnet.engine_api import asked
from meshnet.engine_api.answers import HttpError, as_json
from meshnet.engine_api.context import Context, context_of
from meshnet.engine_api.lookup import find
from meshnet.engine_api.services_json import task_json
from meshnet.engine_api.task_logs import send_logs
from meshnet.model import ClusterState, Task, TaskState
from meshnet.orchestrator import is_dirty

_FILTERS = ("id", "name", "label", "service", "node", "desired-state", "runtime", "_up-to-date")
_DESIRED = {"running": (TaskState.RUNNING,), "shutdown": (TaskState.SHUTDOWN,), "accepted": (TaskState.ACCEPTED,)}


def routes() -> list[web.RouteDef]:
    return [
        web.get("/tasks", _list),
        web.get("/tasks/{id}", _inspect),
        web.get("/tasks/{id}/logs", _logs),
    ]


async def _list(request: web.Request) -> web.Response:
    context = context_of(request)
    context.manager()
    filters = dict(asked.filters(request, _FILTERS))
    for desired in filters.get("desired-state", ()):
        if desired not in _DESIRED:
            raise HttpError(400, f"invalid desired-state: {desired}")
    if "node" in filters and "self" in filters["node"]:
        filters["node"] = filters["node"] - {"self"} | {context.node.id}
    state = context.state
    # Those made last come first: clients that order a slot's tasks by their instants leave ties as they came.
    latest = reversed(list(state.tasks.values()))
    return as_json([task_json(state, task) for task in latest if _wanted(context, task, filters)])


def _wanted(context: Context, task: Task, filters: asked.Filters) -> bool:
    return (
        asked.begins(task.id, filters.get("id"))
        and asked.begins(task.name, filters.get("name"))
        and asked.labels_match(filters.get("label", frozenset()), task.spec.labels)
        and _is_of(context.state, task, filters)
        and ("desired-state" not in filters or any(task.desired in _DESIRED[each] for each in filters["desired-state"]))
        and ("runtime" not in filters or "container" in filters["runtime"])
        and ("_up-to-date" not in filters or _up_to_date(context.state, task))
    )


def _is_of(state: ClusterState, task: Task, filters: asked.Filters) -> bool:
    """Whether it is of a wanted service, by id or name, and on a wanted node, by id or name."""
    services, nodes = filters.get("service"), filters.get("node")
    node = state.nodes.get(task.node) if task.node else None
    return (services is None or task.service in services or task.spec.name in services) and (
        nodes is None or (node is not None and (node.id in nodes or node.name in nodes))
    )


def _up_to_date(state: ClusterState, task: Task) -> bool:
    """The docker client's own filter, for its progress display: swarmkit controlapi/task.go."""
    service = state.services.get(task.service)
    return service is not None and not is_dirty(service, task)


async def _inspect(request: web.Request) -> web.Response:
    context = context_of(request)
    context.manager()
    return as_json(task_json(context.state, find_task(context.state, request.match_info["id"])))


async def _logs(request: web.Request) -> web.StreamResponse:
    context = context_of(request)
    context.manager()
    wanted = find_task(context.state, request.match_info["id"])
    return await send_logs(request, lambda task: task.id == wanted.id)


def find_task(state: ClusterState, wanted: str) -> Task:
    return find(state.tasks.values(), wanted, id_of=lambda task: task.id, name_of=lambda task: task.name, kind="task")
