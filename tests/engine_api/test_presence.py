"""Answers that go on end with their client, and leave nothing behind."""

from __future__ import annotations

import asyncio

import pytest

from meshnet.lab.deadlines import ANSWER, scaled
from tests.engine_api.checked import Checked, replicated, service
from tests.engine_api.conftest import Play
from tests.orchestrator.swarms import MANAGER

FOLLOWED = (
    "GET /events",
    "GET /services/web/logs?stdout=1&follow=1",
    "GET /tasks/{task}/logs?stdout=1&follow=1",
    "GET /containers/{container}/logs?stdout=1&follow=1",
    "GET /containers/{container}/stats",
    "POST /containers/{container}/wait",
)


@pytest.mark.parametrize("ends_only_its_side", [False, True])
@pytest.mark.parametrize("asked", FOLLOWED)
def test_client_that_vanishes_in_mid_stream_leaves_no_task_and_no_listener(
    on_paper: Play, asked: str, ends_only_its_side: bool
) -> None:
    async def scene(engine: Checked) -> None:
        await engine.made("/services/create", service("web", Mode=replicated(2)))
        state = engine.bench.engines.state
        manager = state.node_named(MANAGER)
        assert manager is not None
        here = next(state.placed_tasks(node=manager.id))
        await _idle()
        listeners = len(engine.bench.engines.listeners)

        reader, writer = await asyncio.open_unix_connection(str(engine.bench[MANAGER].path))
        method, _, path = asked.format(task=here.id, container=here.container).partition(" ")
        writer.write(f"{method} {path} HTTP/1.1\r\nHost: engine\r\n\r\n".encode())
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        assert _at_work() > 0
        if ends_only_its_side:
            writer.write_eof()
            await reader.read()  # which has an end
        else:
            writer.transport.abort()
        await _idle()
        assert len(engine.bench.engines.listeners) == listeners
        writer.close()

    on_paper(scene)


async def _idle() -> None:
    async with asyncio.timeout(scaled(ANSWER)):
        while _at_work():
            await asyncio.sleep(0)


def _at_work() -> int:
    """Requests that are being answered, and what they have started."""
    names = (getattr(task.get_coro(), "__qualname__", "") for task in asyncio.all_tasks())
    return sum("_handle_request" in name or "_Weaver" in name for name in names)
