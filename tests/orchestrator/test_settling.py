"""Engines that do at once what they are told."""

from __future__ import annotations

from meshnet.model import SECOND, TaskState, UpdateConfig, UpdateState
from meshnet.orchestrator import RemoveService, next_deadline, settled, step
from meshnet.orchestrator.commands import StartContainer, StopContainer, UpdateService
from tests.orchestrator.machines import container, created
from tests.orchestrator.swarms import service, swarm


def test_everything_runs_that_is_to_run() -> None:
    state = step(created(swarm()), service("web", 3))
    state = settled(step(state, StartContainer(container(state).id)))
    assert {task.state for task in state.tasks.values()} == {TaskState.RUNNING}
    assert container(state).state == "running"
    state = settled(step(state, StopContainer(container(state).id)))
    assert container(state).state == "exited"


def test_time_passes_until_what_is_to_go_is_gone() -> None:
    state = settled(step(settled(step(swarm(), service("web", 3))), RemoveService("web"), 5), 5)
    assert not state.tasks
    assert state.events[-1].time == 5 + 2 * SECOND


def test_update_comes_to_its_last_task_but_not_to_the_end_of_its_watch() -> None:
    state = settled(step(swarm(), service("web", 3, update=UpdateConfig(delay=7 * SECOND))))
    made = state.service_named("web")
    assert made is not None
    changed = service("web", 3, env=("A=1",)).spec
    state = settled(step(state, UpdateService("web", changed)))
    running = [task for task in state.tasks.values() if task.state is TaskState.RUNNING]
    assert [task.spec.env for task in running] == [("A=1",)] * 3
    made = state.service_named("web")
    assert made is not None and made.update_status is not None
    assert made.update_status.state is UpdateState.UPDATING
    assert next_deadline(state) is not None


def test_what_is_settled_stays() -> None:
    state = settled(step(swarm(), service("web", 3)))
    assert settled(state) is state
