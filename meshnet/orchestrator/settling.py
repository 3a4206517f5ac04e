"""A swarm whose engines do at once what they are told: for labs on paper, for bringing labs up, and for tests."""

from __future__ import annotations

from collections.abc import Iterator

from meshnet.model import ClusterState, ContainerState, TaskState
from meshnet.orchestrator import deadlines
from meshnet.orchestrator.commands import ContainerExited, ContainerStarted, Report, Tick
from meshnet.orchestrator.step import play

_ROUNDS = 10_000
"""Where a state can't come to rest, settling it ends all the same."""


def settled(state: ClusterState, now: int = 0) -> ClusterState:
    """The state once nothing is left to do: containers that are to start run, those that are to stop have stopped, and
    time has passed as far as anything waited for it. An update's last watch over its tasks is not waited for."""
    for _ in range(_ROUNDS):
        reports = tuple(_reports(state))
        pause = deadlines.next_pause(state)
        if reports:
            state = play(state, reports, now)
        elif pause is not None:
            now = max(now, pause)
            state = play(state, (Tick(),), now)
        else:
            break
    return state


def _reports(state: ClusterState) -> Iterator[Report]:
    for task in state.placed_tasks():
        if task.stopping:
            yield ContainerExited(task.container)
        elif task.state is TaskState.STARTING:
            yield ContainerStarted(task.container)
    for container in state.containers.values():
        if container.starting:
            yield ContainerStarted(container.id)
        elif not container.wanted and container.state is ContainerState.RUNNING:
            yield ContainerExited(container.id)
