"""Back to a state that was: what a lab does between two tests."""

from __future__ import annotations

from meshnet.model import ClusterState, ContainerId, TaskState
from meshnet.orchestrator import ScaleService, restored, step
from tests.orchestrator.swarms import run, service, swarm

NOW = 10**18


def three() -> ClusterState:
    return run(swarm(), service("web", 3))


def running(state: ClusterState) -> dict[ContainerId, int]:
    return {task.container: 1 for task in state.tasks.values() if task.state is TaskState.RUNNING}


def test_a_task_whose_container_still_runs_is_as_it_was() -> None:
    then = three()
    later = step(then, ScaleService("web", 5), NOW)
    back = restored(then, later, running(then), NOW)
    assert {id: task.state for id, task in back.tasks.items()} == {id: task.state for id, task in then.tasks.items()}


def test_it_is_a_later_version_and_says_so() -> None:
    then = three()
    later = step(then, ScaleService("web", 5), NOW)
    back = restored(then, later, {}, NOW)
    assert back.version == later.version + 1
    assert back.events[-1].reason == f"back to version {then.version}"


def test_a_task_whose_container_has_ended_starts_it_again() -> None:
    then = three()
    later = run(then, ScaleService("web", 1))
    back = restored(then, later, running(later), NOW)
    ended = [task for task in back.tasks.values() if task.container not in running(later)]
    assert ended
    assert {task.state for task in ended} == {TaskState.STARTING}
    assert {task.id for task in back.tasks.values()} == {task.id for task in then.tasks.values()}
