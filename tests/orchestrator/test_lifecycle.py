"""A task from its first state to its last."""

from __future__ import annotations

import pytest

from meshnet.model import SECOND, Generation, TaskState
from meshnet.orchestrator import RemoveService, ScaleService, Tick, next_deadline, step
from meshnet.orchestrator.commands import ContainerExited, ContainerRefused, ContainerStarted
from tests.orchestrator.clocked import Clocked
from tests.orchestrator.swarms import MANAGER, network, placement, publish, service, swarm, task


def test_task_starts_in_the_step_that_makes_it_and_runs_once_its_engine_says_so() -> None:
    state = step(swarm(), service("web"), 5)
    made = task(state, "web")
    assert (made.state, made.message, made.since, made.placed) == (TaskState.STARTING, "starting", 5, True)
    state = step(state, ContainerStarted(made.container, pid=99, ports=(publish(80, 32768, mode="host"),)), 6)
    made = task(state, "web")
    assert (made.state, made.message, made.since, made.pid) == (TaskState.RUNNING, "started", 6, 99)
    assert [port.published for port in made.ports] == [32768]


def test_task_that_fits_nowhere_is_pending_and_not_placed() -> None:
    made = task(step(swarm(), service("web", constraints=("node.role == none",))), "web")
    assert (made.state, made.message, made.placed) == (TaskState.PENDING, "pending task scheduling", False)


def test_host_mode_port_without_a_number_gets_its_nodes_choice() -> None:
    state = step(swarm(), service("web", 1, ports=(publish(80, mode="host"), publish(81, mode="host"))))
    assert [port.published for port in task(state, "web").ports] == [32768, 32769]
    state = step(state, service("other", 1, ports=(publish(80, mode="host"),), pins={1: MANAGER}))
    assert [port.published for port in task(state, "other").ports] == [32770]


@pytest.mark.parametrize("generation", [str(generation) for generation in Generation])
def test_task_drains_for_two_seconds_then_stops_then_goes(generation: str) -> None:
    swarms = Clocked(swarm(generation), stop_time=3)
    swarms.ask(network("a"), service("web", 2, networks=["a"], ports=(publish(80, 80),)))
    swarms.ask(ScaleService("web", 1))
    [leaving] = swarms.tasks(slot=2)
    assert (leaving.serves, leaving.balanced, leaving.placed) == (False, True, True)
    assert next_deadline(swarms.state) == leaving.drain_until == 2 * SECOND
    swarms.wait(2)
    [leaving] = swarms.tasks(slot=2)
    assert (leaving.stopping, leaving.balanced, leaving.placed) == (True, False, True)
    swarms.wait(2.9)
    assert swarms.tasks(slot=2)
    swarms.wait(0.1)
    assert not swarms.tasks(slot=2)
    assert next_deadline(swarms.state) is None


def test_task_that_does_not_run_yet_is_stopped_without_a_drain() -> None:
    state = step(step(swarm(), service("web")), RemoveService("web"))
    [leaving] = state.tasks.values()
    assert leaving.stopping


def test_task_that_is_nowhere_goes_at_once() -> None:
    state = step(step(swarm(), service("web", constraints=("node.role == none",))), RemoveService("web"))
    assert not state.tasks


@pytest.mark.parametrize(
    ("report", "state", "message", "error"),
    [
        (0, TaskState.COMPLETE, "finished", ""),
        (3, TaskState.FAILED, "started", "task: non-zero exit (3)"),
        ("no such image", TaskState.REJECTED, "preparing", "no such image"),
    ],
)
def test_task_that_ends_by_itself(report: int | str, state: TaskState, message: str, error: str) -> None:
    swarms = Clocked(fares=lambda task: report)
    swarms.ask(network("a"), service("web", networks=["a"]))
    ended = swarms.tasks()[0]
    assert (ended.state, ended.message, ended.error) == (state, message, error)
    assert (ended.placed, ended.attachments, ended.desired) == (False, (), TaskState.SHUTDOWN)


def test_task_told_to_stop_is_shut_down_whatever_its_exit_code() -> None:
    swarms = Clocked()
    swarms.ask(service("web"))
    swarms.update(force_update=1)
    swarms.exits(swarms.tasks()[0], 137)
    over = swarms.tasks()[0]
    assert (over.state, over.message, over.exit_code) == (TaskState.SHUTDOWN, "shutdown", 137)


def test_reports_of_what_is_over_or_unknown_change_nothing() -> None:
    swarms = Clocked()
    swarms.ask(service("web"))
    [running] = swarms.tasks()
    swarms.ask(RemoveService("web"))
    swarms.wait(5)
    for report in (
        ContainerStarted(running.container),
        ContainerExited(running.container, 1),
        ContainerRefused(running.container, "why"),
    ):
        assert not step(swarms.state, report).tasks


def test_objects_carry_the_version_they_last_changed_in() -> None:
    swarms = Clocked(now=7 * SECOND)
    swarms.ask(service("web"), service("other"))
    before = swarms.service().meta
    assert (before.created, before.updated) == (7 * SECOND, 7 * SECOND)
    swarms.wait(1)
    swarms.ask(ScaleService("other", 2))
    assert swarms.service().meta == before
    swarms.ask(ScaleService("web", 2))
    assert swarms.service().meta.version > before.version
    assert (swarms.service().meta.created, swarms.service().meta.updated) == (7 * SECOND, 8 * SECOND)


def test_only_the_latest_events_are_kept() -> None:
    state = swarm()
    for _ in range(300):
        state = step(state, Tick())
    assert len(state.events) == 256
    assert state.events[-1].version == state.version


def test_unassigned_nodes_hold_no_placement() -> None:
    swarms = Clocked()
    swarms.ask(service("web", 3))
    swarms.lose(MANAGER)
    assert {task.slot for task in swarms.state.placed_tasks()} == {2, 3}
    assert set(placement(swarms.state, "web")) == {1, 2, 3}
