"""Tests that are coroutines with an engine."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from meshnet.lab.deadlines import ANSWER, scaled
from tests.engine_api.streams.engine import BareEngine, engine

Scene = Callable[[BareEngine, str], Awaitable[None]]


@pytest.fixture
def play(tmp_path: Path) -> Callable[[Scene], None]:
    """Run a coroutine with an engine and its socket's path."""

    def run(scene: Scene) -> None:
        async def main() -> None:
            async with asyncio.timeout(scaled(3 * ANSWER)), engine(tmp_path) as (bare, path):
                await scene(bare, path)

        asyncio.run(main())

    return run
