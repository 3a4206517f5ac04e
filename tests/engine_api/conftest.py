"""Tests that are coroutines with a lab whose containers are processes right here."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from meshnet.lab.deadlines import ANSWER, scaled
from meshnet.model import ClusterState
from meshnet.orchestrator.commands import Command
from tests.engine_api.bench import paper_bench
from tests.engine_api.checked import Checked
from tests.engine_api.local import Lab, local_lab
from tests.orchestrator.swarms import swarm

Scene = Callable[[Lab], Awaitable[None]]
Play = Callable[..., None]
PaperScene = Callable[[Checked], Awaitable[None]]


@pytest.fixture
def in_lab(tmp_path: Path) -> Play:
    """Run a coroutine with a lab: the reference's three machines as a swarm, unless another state is given."""

    def run(scene: Scene, *, state: ClusterState | None = None, commands: Sequence[Command] = ()) -> None:
        async def main() -> None:
            async with (
                asyncio.timeout(scaled(3 * ANSWER)),
                local_lab(state or swarm(), tmp_path, commands) as lab,
            ):
                await scene(lab)

        asyncio.run(main())

    return run


@pytest.fixture
def on_paper() -> Play:
    """Run a coroutine with a caller whose every answer is checked, of engines without containers' processes."""

    def run(scene: PaperScene, *, state: ClusterState | None = None) -> None:
        async def main() -> None:
            async with asyncio.timeout(scaled(3 * ANSWER)), paper_bench(state) as bench:
                await scene(Checked(bench))

        asyncio.run(main())

    return run
