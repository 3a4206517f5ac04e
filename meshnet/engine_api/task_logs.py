"""What a service's tasks say, woven together: ``docker service logs``."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from aiohttp import web

from meshnet.engine_api import asked
from meshnet.engine_api.app import engine_headers
from meshnet.engine_api.context import Context, context_of
from meshnet.engine_api.log_query import log_query
from meshnet.engine_api.streams import MULTIPLEXED, Stream, frame, while_listening
from meshnet.lab.workloads.logs import LogLine, LogQuery
from meshnet.model import Task, TaskId


async def send_logs(request: web.Request, wanted: Callable[[Task], bool]) -> web.StreamResponse:
    """Answer with the log lines of the tasks that are wanted, as they were said; with ``follow`` those of tasks still
    to come, too, until the client goes."""
    query = log_query(request)
    details, timestamps = asked.flag(request, "details"), asked.flag(request, "timestamps")
    response = web.StreamResponse(headers={**engine_headers(request), "Content-Type": MULTIPLEXED})
    await response.prepare(request)
    weaver = _Weaver(context_of(request), wanted, query)
    async with while_listening(request), contextlib.aclosing(weaver):
        async for task, line in weaver.lines():
            told = _details(task) if details else ""
            text = line.shown(timestamps=timestamps, details=told)
            await response.write(frame(Stream(line.output), text))
    return response


def _details(task: Task) -> str:
    """By these the client finds out which task it was; commas between, in the order of their names."""
    return (
        f"com.docker.swarm.node.id={task.node},"
        f"com.docker.swarm.service.id={task.service},"
        f"com.docker.swarm.task.id={task.id}"
    )


class _Weaver:
    """Reads several logs at once."""

    def __init__(self, context: Context, wanted: Callable[[Task], bool], query: LogQuery) -> None:
        self._context = context
        self._wanted = wanted
        self._query = query
        self._said: asyncio.Queue[tuple[Task, LogLine] | None] = asyncio.Queue(maxsize=64)
        self._readers: dict[TaskId, asyncio.Task[None]] = {}
        self._watching = asyncio.create_task(self._watch())

    async def lines(self) -> AsyncIterator[tuple[Task, LogLine]]:
        while (said := await self._said.get()) is not None:
            yield said

    async def aclose(self) -> None:
        tasks = (self._watching, *self._readers.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _watch(self) -> None:
        """A reader for every task there is; with ``follow`` also for those that come."""
        while True:
            for task in self._context.state.tasks.values():
                if self._wanted(task) and task.id not in self._readers and (task.placed or task.ended):
                    self._readers[task.id] = asyncio.create_task(self._read(task))
            if not self._query.follow:
                break
            await self._context.engines.changed()
        await asyncio.gather(*self._readers.values())
        await self._said.put(None)

    async def _read(self, task: Task) -> None:
        async for line in self._context.engines.log(task.container).read(self._query):
            await self._said.put((task, line))
