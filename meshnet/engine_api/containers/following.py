"""Waiting for what becomes of one container: told of every step, so that none is missed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from meshnet.engine_api.containers import residents
from meshnet.engine_api.containers.residents import Resident
from meshnet.lab.engines import Engines
from meshnet.model import ClusterState, ContainerId

Verdict = Callable[[Resident | None, Resident | None], int | None]
"""What a step means for whoever waits, by the container before and after it: an exit code, or None to go on."""


def not_running(before: Resident | None, after: Resident | None) -> int | None:
    """It doesn't run, and its policy doesn't bring it back."""
    if after is None:
        return before.exit_code if before is not None else 0
    return None if after.status in ("running", "restarting") else after.exit_code


def next_exit(before: Resident | None, after: Resident | None) -> int | None:
    """It ended: not by now, but from now on."""
    if before is None or after is None:
        return 0 if after is None else None
    ended = after.finished != before.finished or (before.running and not after.running)
    failed = after.error and not before.error
    return after.exit_code if ended or failed else None


def removed(before: Resident | None, after: Resident | None) -> int | None:
    """It is gone."""
    return (before.exit_code if before is not None else 0) if after is None else None


def now(state: ClusterState, id: ContainerId) -> Resident | None:
    """A container by its whole id, as it stands."""
    container = state.containers.get(id)
    if container is not None:
        return residents.of_container(state.nodes[container.node], container)
    for task in state.tasks.values():
        if task.container == id:
            return residents.of_task(state, task)
    return None


@contextmanager
def watching(engines: Engines, id: ContainerId, verdict: Verdict) -> Iterator[asyncio.Future[int]]:
    """What ``verdict`` comes to, from the steps taken within the ``with``."""
    decided: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def changed(before: ClusterState, after: ClusterState) -> None:
        if not decided.done():
            code = verdict(now(before, id), now(after, id))
            if code is not None:
                decided.set_result(code)

    unlisten = engines.listen(changed)
    try:
        yield decided
    finally:
        unlisten()
        decided.cancel()
