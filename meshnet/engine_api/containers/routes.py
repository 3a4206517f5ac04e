"""``/containers``: listing, looking into, making, starting, ending and removing them."""

from __future__ import annotations

import base64
import json
import signal
from dataclasses import replace

from aiohttp import web

from meshnet.engine_api.answers import Handler, as_json, nothing
from meshnet.engine_api.asked import body, filters, flag, number
from meshnet.engine_api.containers import choosing, following, residents, views
from meshnet.engine_api.containers.execs import terminal_size
from meshnet.engine_api.containers.requests import container_spec
from meshnet.engine_api.containers.residents import Resident
from meshnet.engine_api.context import Context, context_of
from meshnet.engine_api.given import Given
from meshnet.engine_api.instants import NEVER
from meshnet.engine_api.notices import about_container
from meshnet.engine_api.streams import while_listening
from meshnet.errors import Refusal, RefusedError
from meshnet.lab.containers import signal_number
from meshnet.model import SECOND, ContainerState
from meshnet.model.service import DEFAULT_STOP_GRACE
from meshnet.orchestrator.commands import CreateContainer, RemoveContainer, StartContainer, StopContainer

_FOREVER = 365 * 24 * 3600 * SECOND


def resident_of(request: web.Request) -> Resident:
    """The container that a request's path names. Raises ``RefusedError``."""
    context = context_of(request)
    return choosing.find(all_of(context), request.match_info["name"])


def all_of(context: Context) -> list[Resident]:
    return list(residents.on(context.state, context.node.id, context.engines.catalogue))


async def listing(request: web.Request) -> web.Response:
    context = context_of(request)
    limit = number(request, "limit") or 0
    every = flag(request, "all") or limit > 0
    chosen = choosing.chosen(context.state, all_of(context), filters(request, choosing.FILTERS), every=every)
    now, size = context.engines.now(), flag(request, "size")
    shown = chosen[:limit] if limit > 0 else chosen
    return as_json([views.summary(context.state, one, now, size=size) for one in shown])


async def inspect(request: web.Request) -> web.Response:
    context, one = context_of(request), resident_of(request)
    one = replace(one, pid=await _pid(context, one))
    return as_json(views.details(context.state, one, context.execs.of(one.id), size=flag(request, "size")))


async def _pid(context: Context, one: Resident) -> int:
    """The process whose namespaces are its own: what is served has one from the first time somebody asks."""
    if not one.running or one.pid:
        return one.pid
    try:
        return await context.engines.pid(one.id)
    except RefusedError:  # it ends just now
        return 0


async def create(request: web.Request) -> web.Response:
    context = context_of(request)
    name = request.query.get("name", "").removeprefix("/")
    spec, warnings = container_spec(name, Given(await body(request, needed=True), "Config"), context.engines.catalogue)
    before = context.state.containers
    after = context.engines.submit(CreateContainer(context.machine, spec)).containers
    made = next(id for id in after if id not in before)
    return as_json({"Id": made, "Warnings": warnings}, 201)


async def start(request: web.Request) -> web.Response:
    context, one = context_of(request), resident_of(request)
    if one.status in (ContainerState.RUNNING, "restarting"):
        return nothing(304)
    await _start(context, _own(one, "started"))
    return nothing()


async def _start(context: Context, one: Resident) -> None:
    """Start it and return once its process runs. Raises ``RefusedError`` that says why it doesn't."""
    context.engines.submit(StartContainer(one.id))
    await context.engines.followed()
    started = context.state.containers.get(one.id)
    if started is not None and started.error and started.state is not ContainerState.RUNNING:
        raise RefusedError(started.error)


async def stop(request: web.Request) -> web.Response:
    context, one = context_of(request), resident_of(request)
    if one.status not in (ContainerState.RUNNING, "restarting"):
        return nothing(304)
    await _stop(context, one, request.query.get("signal", ""), number(request, "t"))
    return nothing()


async def _stop(context: Context, one: Resident, signal_name: str, seconds: int | None) -> None:
    sent = signal_number(signal_name or one.stop_signal)
    _want_no_more(context, one)
    if one.running:
        context.hub.tell(about_container(one, "kill", context.engines.now(), signal=str(int(sent))))
    await context.engines.stop(one.id, sent, _grace(one, seconds))
    context.hub.tell(about_container(one, "stop", context.engines.now()))


def _grace(one: Resident, seconds: int | None) -> int:
    """Nanoseconds between asking and killing; less than no time is for ever."""
    if seconds is None:
        return DEFAULT_STOP_GRACE if one.stop_grace is None else one.stop_grace
    return seconds * SECOND if seconds >= 0 else _FOREVER


def _want_no_more(context: Context, one: Resident) -> None:
    """Whoever stops a container by hand doesn't want its policy to start it again; a task's has its service's."""
    if not one.is_task:
        context.engines.submit(StopContainer(one.id))


async def restart(request: web.Request) -> web.Response:
    context, one = context_of(request), _own(resident_of(request), "restarted")
    signal_name, seconds = request.query.get("signal", ""), number(request, "t")
    if one.status in (ContainerState.RUNNING, "restarting"):
        await _stop(context, one, signal_name, seconds)
    await _start(context, one)
    context.hub.tell(about_container(one, "restart", context.engines.now()))
    return nothing()


async def kill(request: web.Request) -> web.Response:
    context, one = context_of(request), resident_of(request)
    sent = signal_number(request.query.get("signal", "") or "SIGKILL")
    if not one.running:
        raise RefusedError(
            f"cannot kill container: {request.match_info['name']}: container {one.id} is not running",
            Refusal.ALREADY_EXISTS,
        )
    context.hub.tell(about_container(one, "kill", context.engines.now(), signal=str(int(sent))))
    if sent == signal.SIGKILL:
        _want_no_more(context, one)
        await context.engines.stop(one.id, sent, 0)
    else:
        if sent == signal_number(one.stop_signal):
            _want_no_more(context, one)
        context.engines.signal(one.id, sent)
    return nothing()


async def remove(request: web.Request) -> web.Response:
    context, one = context_of(request), resident_of(request)
    if flag(request, "link"):
        raise RefusedError("containers have no links here")
    if one.running or one.status == "restarting":
        if not flag(request, "force"):
            raise RefusedError(
                f'cannot remove container "/{one.name}": container is running: '
                "stop the container before removing or force remove",
                Refusal.ALREADY_EXISTS,
            )
        _want_no_more(context, one)
        context.hub.tell(about_container(one, "kill", context.engines.now(), signal=str(int(signal.SIGKILL))))
        await context.engines.stop(one.id, signal.SIGKILL, 0)
    elif one.is_task:
        raise RefusedError(
            f"cannot remove container {one.name}: it is in its service's history", Refusal.ALREADY_EXISTS
        )
    if one.id in context.state.containers:
        context.engines.submit(RemoveContainer(one.id))
    return nothing()


async def prune(request: web.Request) -> web.Response:
    context = context_of(request)
    chosen = filters(request, ("label", "label!", "until"))
    if "until" in chosen:
        raise RefusedError("containers are pruned whatever their age here: no until")
    deleted = []
    for one in all_of(context):
        wanted = all(choosing.labelled(one.labels, label) for label in chosen.get("label", ()))
        kept = any(choosing.labelled(one.labels, label) for label in chosen.get("label!", ()))
        if wanted and not kept and not one.is_task and one.status in (ContainerState.CREATED, ContainerState.EXITED):
            context.engines.submit(RemoveContainer(one.id))
            deleted.append(one.id)
    return as_json({"ContainersDeleted": deleted, "SpaceReclaimed": 0})


async def wait(request: web.Request) -> web.StreamResponse:
    """The headers come at once, which is what ``docker run`` waits for before it starts the container."""
    context, one = context_of(request), resident_of(request)
    condition = request.query.get("condition") or "not-running"
    verdicts = {
        "not-running": following.not_running,
        "next-exit": following.next_exit,
        "removed": following.removed,
    }
    if condition not in verdicts:
        raise RefusedError(f'invalid condition: "{condition}"')
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    with following.watching(context.engines, one.id, verdicts[condition]) as decided:
        await response.prepare(request)
        resting = condition == "not-running" and one.status not in (ContainerState.RUNNING, "restarting")
        async with while_listening(request):
            code = one.exit_code if resting else await decided
            await response.write(b'{"StatusCode":%d}\n' % code)
    return response


async def top(request: web.Request) -> web.Response:
    context, one = context_of(request), resident_of(request)
    check_running(one)
    rows = [
        [each.user, str(each.pid), str(each.parent), "0", each.started, each.terminal, each.cpu, each.command]
        for each in await context.engines.processes(one.id)
    ]
    return as_json({"Titles": ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"], "Processes": rows})


async def resize(request: web.Request) -> web.Response:
    context, one = context_of(request), resident_of(request)
    context.engines.resize(one.id, *terminal_size(request))
    return nothing(200)


def check_running(one: Resident) -> None:
    """Raises ``RefusedError`` for a container that doesn't run."""
    if not one.running:
        raise RefusedError(f"container {one.id} is not running", Refusal.ALREADY_EXISTS)


def _own(one: Resident, what: str) -> Resident:
    """``one``, if it is nobody's task."""
    if one.is_task:
        raise RefusedError(f"container {one.name} is its service's: it can't be {what} by hand here")
    return one


def refused(why: str) -> Handler:
    """What answers for something that isn't here, if its container is."""

    async def refuse(request: web.Request) -> web.Response:
        resident_of(request)
        raise RefusedError(why, Refusal.UNIMPLEMENTED)

    return refuse


async def any_folder(request: web.Request) -> web.Response:
    """``docker cp`` asks first what the goal is, and takes a refusal for a file that isn't there: it is to see the one
    that says why."""
    resident_of(request)
    told = {"name": request.query.get("path", "/"), "size": 0, "mode": _FOLDER, "mtime": NEVER, "linkTarget": ""}
    stat = base64.b64encode(json.dumps(told).encode()).decode()
    return web.Response(headers={"X-Docker-Container-Path-Stat": stat})


_FOLDER = 1 << 31 | 0o755
"""A folder's mode, as Go writes it."""

_NO_FILES = "a lab's containers have no file system of their own: nothing can be copied, exported or compared"


def routes() -> list[web.RouteDef]:
    name = "/containers/{name}"
    return [
        web.get("/containers/json", listing),
        web.post("/containers/create", create),
        web.post("/containers/prune", prune),
        web.get(f"{name}/json", inspect),
        web.post(f"{name}/start", start),
        web.post(f"{name}/stop", stop),
        web.post(f"{name}/restart", restart),
        web.post(f"{name}/kill", kill),
        web.delete(name, remove),
        web.post(f"{name}/wait", wait),
        web.get(f"{name}/top", top),
        web.post(f"{name}/resize", resize),
        web.post(f"{name}/pause", refused("a lab's containers can't be paused")),
        web.post(f"{name}/unpause", refused("a lab's containers can't be paused")),
        web.post(f"{name}/rename", refused("a lab's containers keep their names")),
        web.post(f"{name}/update", refused("a lab's containers have no limits that could be updated")),
        web.get(f"{name}/changes", refused(_NO_FILES)),
        web.get(f"{name}/export", refused(_NO_FILES)),
        web.get(f"{name}/archive", refused(_NO_FILES), allow_head=False),
        web.head(f"{name}/archive", any_folder),
        web.put(f"{name}/archive", refused(_NO_FILES)),
    ]
