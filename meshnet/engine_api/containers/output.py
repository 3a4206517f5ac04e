"""What containers say and use: ``docker logs``, ``attach`` and ``stats``."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from aiohttp import web

from meshnet.engine_api.answers import as_json
from meshnet.engine_api.app import version_of
from meshnet.engine_api.asked import flag
from meshnet.engine_api.containers import following
from meshnet.engine_api.containers.residents import Resident
from meshnet.engine_api.containers.routes import resident_of
from meshnet.engine_api.context import Context, context_of
from meshnet.engine_api.instants import written
from meshnet.engine_api.log_query import log_query
from meshnet.engine_api.notices import about_container
from meshnet.engine_api.streams import (
    HijackedResponse,
    HijackedStream,
    Stream,
    frame,
    media_type,
    takeover,
    while_listening,
)
from meshnet.lab.programs import Output
from meshnet.lab.workloads.logs import LogQuery

_BETWEEN_STATS = 1.0
"""Seconds."""

_NANOSECONDS_A_TICK = 10_000_000


async def logs(request: web.Request) -> web.StreamResponse:
    context, one = context_of(request), resident_of(request)
    query, timestamps = log_query(request), flag(request, "timestamps")
    kind = media_type(tty=one.terminal, version=version_of(request))
    response = web.StreamResponse(headers={"Content-Type": kind})
    await response.prepare(request)
    async with while_listening(request):
        async for line in context.engines.log(one.id).read(query):
            shown = line.shown(timestamps=timestamps)
            await response.write(shown if one.terminal else frame(Stream(line.output), shown))
    return response


class _Attached:
    """A client on a container's own streams."""

    def __init__(self, request: web.Request, stream: HijackedStream, one: Resident) -> None:
        self._stream = stream
        self._framed = not one.terminal
        self._wanted = {Output.STDOUT: flag(request, "stdout"), Output.STDERR: flag(request, "stderr")}
        self._types = flag(request, "stdin") and one.open_stdin
        config = one.extras.get("Config")
        self._input_ends = not one.terminal and isinstance(config, dict) and bool(config.get("StdinOnce"))
        self.detached = asyncio.Event()

    async def read(self) -> bytes:
        """What the client types. Its end is the container's input's only where it was asked for so (``StdinOnce``);
        from a terminal it is that the client goes, and leaves the container alone."""
        if self._types:
            data = await self._stream.read()
            if data or self._input_ends:
                return data
            if not self._framed:
                self.detached.set()
        await asyncio.Event().wait()  # until nobody asks any more
        return b""

    async def write(self, output: Output, data: bytes) -> None:
        if self._wanted[output]:
            await self._stream.write(frame(Stream(output), data) if self._framed else data)


async def attach(request: web.Request) -> web.StreamResponse:
    context, one = context_of(request), resident_of(request)
    context.hub.tell(about_container(one, "attach", context.engines.now()))
    stream = await takeover(request, media_type(tty=one.terminal, version=version_of(request)))
    client = _Attached(request, stream, one)
    try:
        if flag(request, "logs"):
            async for line in context.engines.log(one.id).read(LogQuery()):
                await client.write(line.output, line.text)
        if flag(request, "stream"):
            await _stay(context, one, client)
    except ConnectionError:
        context.hub.tell(about_container(one, "detach", context.engines.now()))
    finally:
        await stream.close()
    return HijackedResponse()


async def _stay(context: Context, one: Resident, client: _Attached) -> None:
    """Until the container ends, is gone, or the client goes."""
    with following.watching(context.engines, one.id, following.removed) as gone:
        attached = asyncio.create_task(context.engines.attach(one.id, client))
        left = asyncio.create_task(client.detached.wait())
        over: tuple[asyncio.Future[Any], ...] = (attached, left)
        try:
            await asyncio.wait((*over, gone), return_when=asyncio.FIRST_COMPLETED)
            if client.detached.is_set():
                context.hub.tell(about_container(one, "detach", context.engines.now()))
        finally:
            for each in over:
                each.cancel()
            await asyncio.gather(*over, return_exceptions=True)


async def stats(request: web.Request) -> web.StreamResponse:
    context, one = context_of(request), resident_of(request)
    streams = flag(request, "stream", True)
    before: dict[str, Any] = {}
    if not streams:
        return as_json(await _sample(context, one, before))
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    with following.watching(context.engines, one.id, following.removed) as gone:
        async with while_listening(request):
            while not gone.done():
                sample = await _sample(context, following.now(context.state, one.id) or one, before)
                await response.write(json.dumps(sample).encode() + b"\n")
                before = sample
                await asyncio.wait([gone], timeout=_BETWEEN_STATS)
    return response


async def _sample(context: Context, one: Resident, before: dict[str, Any]) -> dict[str, Any]:
    """What a container uses: its processes' own counters; of one that the lab itself serves, nothing."""
    pids = [process.pid for process in await context.engines.processes(one.id)] if one.running and one.pid else []
    ticks, resident_bytes = 0, 0
    for pid in pids:
        used = _used(pid)
        ticks, resident_bytes = ticks + used[0], resident_bytes + used[1]
    nothing_yet = {"cpu_usage": {"total_usage": 0, "usage_in_kernelmode": 0, "usage_in_usermode": 0}}
    busy = ticks * _NANOSECONDS_A_TICK
    return {
        "name": f"/{one.name}",
        "id": one.id,
        "read": written(context.engines.now()),
        "preread": before.get("read", written(0)),
        "pids_stats": {"current": max(len(pids), 1)} if one.running else {},
        "num_procs": 0,
        "storage_stats": {},
        "blkio_stats": {"io_service_bytes_recursive": None},
        "cpu_stats": {
            "cpu_usage": {"total_usage": busy, "usage_in_kernelmode": 0, "usage_in_usermode": busy},
            "system_cpu_usage": context.engines.now(),
            "online_cpus": 1,
            "throttling_data": {"periods": 0, "throttled_periods": 0, "throttled_time": 0},
        },
        "precpu_stats": before.get("cpu_stats", nothing_yet),
        "memory_stats": {"usage": resident_bytes, "stats": {}, "limit": _memory()} if one.running else {},
        "networks": {"eth0": dict.fromkeys(_COUNTERS, 0)} if one.running and not one.on_host else {},
    }


_COUNTERS = [f"{way}_{what}" for way in ("rx", "tx") for what in ("bytes", "packets", "errors", "dropped")]


def _used(pid: int) -> tuple[int, int]:
    """A process' clock ticks and bytes of memory; none of one that has ended meanwhile."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0, 0
    return int(fields[11]) + int(fields[12]), int(fields[21]) * 4096


def _memory() -> int:
    """The machine's memory in bytes."""
    first = Path("/proc/meminfo").read_text().split("\n", 1)[0]
    return int(first.split()[1]) * 1024


def routes() -> list[web.RouteDef]:
    name = "/containers/{name}"
    return [
        web.get(f"{name}/logs", logs),
        web.post(f"{name}/attach", attach),
        web.get(f"{name}/stats", stats),
    ]
