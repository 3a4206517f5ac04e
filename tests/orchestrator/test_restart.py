"""What comes in place of tasks that ended, and of nodes that went."""

from __future__ import annotations

import pytest

from meshnet.model import (
    SECOND,
    Availability,
    NodeStatus,
    RestartCondition,
    RestartPolicy,
    Task,
    TaskState,
)
from meshnet.model.swarm import SwarmSpec
from meshnet.orchestrator import RemoveService, ScaleService, form
from meshnet.orchestrator.commands import UpdateSwarm
from tests.orchestrator.clocked import Clocked, Outcome
from tests.orchestrator.swarms import MANAGER, WORKER1, WORKER2, machine, placement, publish, service


def started(policy: RestartPolicy | None = None, *, fares: Outcome = None, replicas: int = 1) -> Clocked:
    swarms = Clocked(fares=lambda task: fares)
    swarms.ask(service("web", replicas, restart=policy))
    return swarms


def test_failed_task_is_replaced_after_five_seconds() -> None:
    swarms = started()
    swarms.exits(swarms.tasks()[0])
    assert swarms.story() == [(1, "failed", "shutdown"), (1, "ready", "ready")]
    swarms.wait(4.9)
    assert not swarms.running()
    swarms.wait(0.1)
    assert swarms.story() == [(1, "failed", "shutdown"), (1, "running", "running")]


@pytest.mark.parametrize(
    ("condition", "code", "again"),
    [
        (RestartCondition.ANY, 0, True),
        (RestartCondition.ANY, 1, True),
        (RestartCondition.ON_FAILURE, 0, False),
        (RestartCondition.ON_FAILURE, 1, True),
        (RestartCondition.NONE, 0, False),
        (RestartCondition.NONE, 1, False),
    ],
)
def test_conditions(condition: RestartCondition, code: int, again: bool) -> None:
    swarms = started(RestartPolicy(condition))
    swarms.exits(swarms.tasks()[0], code)
    swarms.wait(60)
    assert len(swarms.running()) == again
    assert len(swarms.tasks()) == 1 + again


def test_task_that_is_done_takes_up_its_slot_and_goes_with_it() -> None:
    swarms = started(RestartPolicy(RestartCondition.NONE), fares=0, replicas=3)
    assert [state for _, state, _ in swarms.story()] == ["complete"] * 3
    swarms.ask(ScaleService("web", 2))
    assert len(swarms.tasks()) == 2
    swarms.ask(RemoveService("web"))
    assert not swarms.tasks()


@pytest.mark.parametrize("attempts", [1, 3, 8])
def test_slot_is_restarted_so_often_and_no_more(attempts: int) -> None:
    swarms = started(RestartPolicy(delay=SECOND, max_attempts=attempts), fares=1)
    swarms.wait(300)
    assert [state for _, state, _ in swarms.story()] == ["failed"] * (attempts + 1)


def test_attempts_are_counted_in_their_window() -> None:
    policy = RestartPolicy(delay=SECOND, max_attempts=2, window=10 * SECOND)
    swarms = started(policy)
    for pause in (0, 0, 20, 0):
        swarms.wait(pause)
        swarms.exits(swarms.running()[0])
        swarms.wait(1)
    assert swarms.running(), "the first two were out of the window"
    swarms.exits(swarms.running()[0])
    swarms.wait(60)
    assert not swarms.running()


def test_update_makes_new_attempts() -> None:
    policy = RestartPolicy(delay=SECOND, max_attempts=1)
    swarms = started(policy, fares=1)
    swarms.wait(10)
    swarms.fares = lambda task: None
    swarms.update(env=("A=1",))
    assert len(swarms.running()) == 1


def test_containers_that_always_fail_leave_five_tasks_a_slot() -> None:
    swarms = started(RestartPolicy(delay=0), replicas=2)
    for _ in range(40):
        for task in swarms.running():
            swarms.exits(task)
    assert len(swarms.running()) == 2
    assert len(swarms.tasks()) == 10
    assert len(swarms.service().failures[swarms.node(MANAGER).id]) <= 5


@pytest.mark.parametrize(("limit", "kept"), [(0, 1), (1, 1), (3, 3), (-1, 9)])
def test_history_is_what_the_swarm_says(limit: int, kept: int) -> None:
    swarms = started(RestartPolicy(delay=0))
    swarms.ask(UpdateSwarm(SwarmSpec(history=limit)))
    for _ in range(8):
        swarms.exits(swarms.running()[0])
    assert len(swarms.tasks()) == kept
    assert swarms.tasks()[-1].state is TaskState.RUNNING


def test_task_that_is_done_is_not_forgotten_or_it_would_be_made_again() -> None:
    swarms = Clocked(fares=lambda task: 0)
    swarms.ask(UpdateSwarm(SwarmSpec(history=0)), service("web", restart=RestartPolicy(RestartCondition.NONE)))
    swarms.wait(60)
    assert swarms.story() == [(1, "complete", "shutdown")]


def test_node_where_a_service_fails_comes_last() -> None:
    swarms = Clocked(fares=lambda task: 1 if at(swarms, task) == MANAGER else None)
    swarms.ask(service("web", restart=RestartPolicy(delay=SECOND)))
    swarms.wait(3.9)
    assert placement(swarms.state, "web") == {1: MANAGER}, "the first of equals again, as nothing runs there"
    swarms.wait(2)
    assert placement(swarms.state, "web") == {1: WORKER1}


def test_drained_node_loses_its_tasks_without_a_delay_but_not_before_they_stop() -> None:
    swarms = Clocked(stop_time=1)
    swarms.ask(service("web", 3))
    swarms.drain(WORKER1)
    [old, new] = swarms.tasks(slot=2)
    assert (old.serves, old.placed, new.state, new.desired) == (False, True, TaskState.READY, TaskState.READY)
    swarms.wait(2.9)
    assert len(swarms.running()) == 2
    swarms.wait(0.1)
    assert len(swarms.running()) == 3
    assert WORKER1 not in placement(swarms.state, "web").values()


def test_replacement_waits_a_minute_at_most_for_what_does_not_stop() -> None:
    swarms = Clocked(stop_time=1000)
    swarms.ask(service("web"))
    swarms.drain(MANAGER)
    swarms.wait(59.9)
    assert not swarms.running()
    swarms.wait(0.1)
    assert len(swarms.running()) == 1


def test_lost_nodes_tasks_stay_as_running_and_come_up_elsewhere() -> None:
    swarms = Clocked()
    swarms.ask(service("web", 3, ports=(publish(80, 80),)))
    swarms.lose(WORKER1)
    [old, new] = swarms.tasks(slot=2)
    assert (old.state, old.desired) == (TaskState.RUNNING, TaskState.SHUTDOWN)
    assert old not in list(swarms.state.placed_tasks())
    assert new.state is TaskState.READY
    swarms.wait(5)
    assert len(swarms.running()) == 3
    assert WORKER1 not in placement(swarms.state, "web").values()


def test_node_that_comes_back_stops_what_is_not_its_own_any_more() -> None:
    swarms = Clocked()
    swarms.ask(service("web", 3))
    swarms.lose(WORKER1)
    swarms.wait(60)
    swarms.lose(WORKER1, NodeStatus.READY)
    swarms.wait(2)
    assert swarms.tasks(slot=2)[0].state is TaskState.SHUTDOWN
    assert WORKER1 not in placement(swarms.state, "web").values(), "nothing is moved back"


def test_paused_node_keeps_what_it_has_and_gets_nothing_new() -> None:
    swarms = Clocked()
    swarms.ask(service("web", 3))
    swarms.node_update(WORKER1, availability=Availability.PAUSE)
    swarms.ask(ScaleService("web", 9))
    assert list(placement(swarms.state, "web").values()).count(WORKER1) == 1


def test_task_leaves_a_node_that_ceases_to_meet_its_constraints() -> None:
    machines = [machine(MANAGER, 10), machine(WORKER1, 11, labels={"disk": "ssd"}), machine(WORKER2, 12)]
    swarms = Clocked(form("seed", machines))
    swarms.ask(service("web", constraints=("node.labels.disk == ssd",)))
    assert placement(swarms.state, "web") == {1: WORKER1}
    swarms.node_update(WORKER2, labels={"disk": "ssd"})
    assert placement(swarms.state, "web") == {1: WORKER1}
    swarms.node_update(WORKER1, labels={})
    assert swarms.tasks()[0].error == "assigned node no longer meets constraints"
    swarms.wait(5)
    assert placement(swarms.state, "web") == {1: WORKER2}
    assert len(swarms.running()) == 1


def test_scaling_down_does_not_restart() -> None:
    swarms = started(replicas=3)
    swarms.ask(ScaleService("web", 1))
    swarms.exits(swarms.tasks(slot=3)[0])
    swarms.wait(60)
    assert swarms.story() == [(1, "running", "running")]


def at(swarms: Clocked, task: Task) -> str | None:
    return swarms.state.nodes[task.node].name if task.node is not None else None


def test_task_that_fails_again_and_again_is_given_new_addresses_each_time() -> None:
    swarms = Clocked()
    swarms.ask(service("web", ports=(publish(80, 80),), restart=RestartPolicy(delay=0)))
    before = swarms.running()[0].attachments
    swarms.exits(swarms.running()[0])
    assert swarms.running()[0].attachments != before
