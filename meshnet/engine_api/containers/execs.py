"""``docker exec``: programs that are run in a container beside its own."""

from __future__ import annotations

import asyncio
import secrets

from aiohttp import web

from meshnet.engine_api.answers import as_json, nothing
from meshnet.engine_api.app import version_of
from meshnet.engine_api.asked import body, number
from meshnet.engine_api.containers import choosing, residents
from meshnet.engine_api.containers.programs import Exec
from meshnet.engine_api.containers.residents import Resident
from meshnet.engine_api.context import Context, context_of
from meshnet.engine_api.given import Given
from meshnet.engine_api.notices import about_container
from meshnet.engine_api.streams import HijackedResponse, media_type, run_attached, run_detached, takeover
from meshnet.errors import Refusal, RefusedError
from meshnet.lab.programs import FailedStart, Program
from meshnet.lab.workloads.entering import ContainerProgram

_LARGEST = 65535
"""Rows or columns: the kernel has 16 bits for either."""


async def create(request: web.Request) -> web.Response:
    context = context_of(request)
    there = residents.on(context.state, context.node.id, context.engines.catalogue)
    one = choosing.find(there, request.match_info["name"])
    asked = Given(await body(request, needed=True), "ExecOptions")
    argv = asked.line("Cmd")
    if not argv:
        raise RefusedError("No exec command specified")
    _check_running(one)
    made = Exec(
        id=secrets.token_hex(32),
        container=one.id,
        program=ContainerProgram(argv, _environment(asked), asked.text("WorkingDir") or "/", asked.flag("Tty")),
        stdin=asked.flag("AttachStdin"),
        stdout=asked.flag("AttachStdout"),
        stderr=asked.flag("AttachStderr"),
        user=asked.text("User"),
        size=_size(asked),
    )
    context_of(request).execs.add(made)
    _tell(context, one, made, f"exec_create: {' '.join(argv)}")
    return as_json({"Id": made.id}, 201)


async def start(request: web.Request) -> web.StreamResponse:
    context, made = context_of(request), context_of(request).execs.find(request.match_info["id"])
    asked = Given(await body(request), "ExecStartOptions")
    there = residents.on(context.state, context.node.id, context.engines.catalogue)
    one = choosing.find(there, made.container)
    if made.started:
        raise RefusedError(f"Error: Exec command {made.id} is already running", Refusal.ALREADY_EXISTS)
    _check_running(one)
    made.started = True
    made.size = _size(asked) or made.size
    run = _detached if asked.flag("Detach") else _attached
    return await run(request, context, one, made)


async def _attached(request: web.Request, context: Context, one: Resident, made: Exec) -> web.StreamResponse:
    spawn = await context.engines.spawner(made.container, made.program)
    tty = made.program.tty
    stream = await takeover(request, media_type(tty=tty, version=version_of(request)))
    try:
        status = await run_attached(
            spawn,
            stream,
            tty=tty,
            stdin=made.stdin,
            stdout=made.stdout,
            stderr=made.stderr,
            size=made.size,
            started=lambda program: _started(context, one, made, program),
        )
        _ended(context, one, made, status)
    finally:
        if made.exit_code is None:
            made.exit_code = 137  # the lab goes, and with it the program
        await stream.close()
    return HijackedResponse()


async def _detached(request: web.Request, context: Context, one: Resident, made: Exec) -> web.StreamResponse:
    """Answer as soon as the program runs. Raises ``RefusedError`` when it can't."""
    spawn = await context.engines.spawner(made.container, made.program)
    runs: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def started(program: Program) -> None:
        _started(context, one, made, program)
        runs.set_result(None)

    async def run() -> None:
        try:
            status = await run_detached(spawn, tty=made.program.tty, size=made.size, started=started)
        except FailedStart as error:
            made.exit_code = error.status
            runs.set_exception(RefusedError(str(error)))
            return
        _ended(context, one, made, status)

    running = asyncio.create_task(run())
    context_of(request).execs.detached.add(running)
    running.add_done_callback(context_of(request).execs.detached.discard)
    await runs
    return nothing(200)


async def inspect(request: web.Request) -> web.Response:
    return as_json(context_of(request).execs.find(request.match_info["id"]).json)


async def resize(request: web.Request) -> web.Response:
    made = context_of(request).execs.find(request.match_info["id"])
    if made.running is None:
        raise RefusedError("exec process is not started")
    made.running.resize(*terminal_size(request))
    return nothing(200)


def terminal_size(request: web.Request) -> tuple[int, int]:
    """Rows and columns of a query. Raises ``RefusedError``."""
    rows, columns = number(request, "h") or 0, number(request, "w") or 0
    if not (0 <= rows <= _LARGEST and 0 <= columns <= _LARGEST):
        raise RefusedError(f"a terminal has up to {_LARGEST} rows and columns")
    return rows, columns


def routes() -> list[web.RouteDef]:
    return [
        web.post("/containers/{name}/exec", create),
        web.post("/exec/{id}/start", start),
        web.post("/exec/{id}/resize", resize),
        web.get("/exec/{id}/json", inspect),
    ]


def _check_running(one: Resident) -> None:
    if not one.running:
        raise RefusedError(f"container {one.id} is not running", Refusal.ALREADY_EXISTS)


def _environment(asked: Given) -> dict[str, str]:
    return dict(one.split("=", 1) for one in asked.words("Env") if "=" in one)


def _size(asked: Given) -> tuple[int, int] | None:
    """A terminal's rows and columns, where the client says them."""
    size = asked.numbers("ConsoleSize")
    return (size[0], size[1]) if len(size) == 2 and all(0 < each <= _LARGEST for each in size) else None


def _started(context: Context, one: Resident, made: Exec, program: Program) -> None:
    made.running = program
    _tell(context, one, made, f"exec_start: {' '.join(made.program.argv)}")


def _ended(context: Context, one: Resident, made: Exec, status: int) -> None:
    made.exit_code = status
    if made.running is not None:
        _tell(context, one, made, "exec_die", exitCode=str(status))


def _tell(context: Context, one: Resident, made: Exec, action: str, **further: str) -> None:
    context.hub.tell(about_container(one, action, context.engines.now(), execID=made.id, **further))
