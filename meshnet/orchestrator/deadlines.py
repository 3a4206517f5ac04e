"""What a state waits for that comes by itself: instants at which something happens if nothing did before."""

from __future__ import annotations

from collections.abc import Iterator

from meshnet.model import ClusterState, Task, TaskState
from meshnet.orchestrator import containers
from meshnet.orchestrator.lifecycle import STOP_TIMEOUT


def next_deadline(state: ClusterState) -> int | None:
    """When a ``Tick`` is due next (nanoseconds), or None if none is."""
    return min((*_pauses(state), *_timeouts(state)), default=None)


def next_pause(state: ClusterState) -> int | None:
    """The next of those that pass with all going well: a task drains, is held back, an updater rests. Not how long
    something is watched that may go wrong."""
    return min(_pauses(state), default=None)


def _pauses(state: ClusterState) -> Iterator[int]:
    for task in state.tasks.values():
        if task.drain_until is not None and _lives(state, task):
            yield task.drain_until
        if task.start_after is not None:
            yield task.start_after
    for service in state.services.values():
        if service.rollout is not None:
            yield from service.rollout.resting
    pause = containers.next_deadline(state)
    if pause is not None:
        yield pause


def _timeouts(state: ClusterState) -> Iterator[int]:
    for task in state.tasks.values():
        if task.desired is TaskState.READY and task.start_after is None:
            yield task.meta.created + STOP_TIMEOUT
    for service in state.services.values():
        if service.rollout is not None and service.rollout.monitor_until is not None:
            yield service.rollout.monitor_until


def _lives(state: ClusterState, task: Task) -> bool:
    return task.node is not None and task.node in state.nodes and state.nodes[task.node].up
