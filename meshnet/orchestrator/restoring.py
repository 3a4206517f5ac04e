"""Back to a state that was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from meshnet.model import ClusterState, ContainerId, Event, Task, TaskState
from meshnet.orchestrator.draft import LATEST_EVENTS
from meshnet.orchestrator.lifecycle import STARTED


def restored(then: ClusterState, state: ClusterState, running: Mapping[ContainerId, int], now: int) -> ClusterState:
    """``then`` once more, one version after ``state``, at the instant ``now`` (nanoseconds).

    ``running`` are the containers that run now, with their first processes' ids. Tasks of ``then`` whose container has
    ended since are to start it again.
    """
    version = state.version + 1
    return replace(
        then,
        version=version,
        tasks={id: _restored(task, running, now) for id, task in then.tasks.items()},
        events=(*then.events, Event(version, f"back to version {then.version}", now))[-LATEST_EVENTS:],
    )


def _restored(task: Task, running: Mapping[ContainerId, int], now: int) -> Task:
    if not task.placed:
        return task
    if task.container in running:
        return replace(task, state=TaskState.RUNNING, message=STARTED, pid=running[task.container])
    return replace(task, state=TaskState.STARTING, message="starting", since=now, pid=0)
