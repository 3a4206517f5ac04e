"""Global services: one task on every node that fits."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from meshnet.errors import RefusedError
from meshnet.model import Availability, NodeRole, NodeStatus, RestartCondition, RestartPolicy, ServiceMode, TaskState
from meshnet.orchestrator import ScaleService
from meshnet.orchestrator.commands import JoinSwarm, LeaveSwarm
from tests.orchestrator.clocked import Clocked
from tests.orchestrator.machines import initialised, token
from tests.orchestrator.swarms import MANAGER, WORKER1, WORKER2, publish, service


def everywhere(swarms: Clocked | None = None, **spec: Any) -> Clocked:
    swarms = swarms or Clocked()
    swarms.ask(service("web", mode=ServiceMode.GLOBAL, **spec))
    return swarms


def where(swarms: Clocked) -> Counter[str]:
    return Counter(swarms.state.nodes[task.node].name for task in swarms.running() if task.node)


def test_one_task_on_every_node() -> None:
    swarms = everywhere()
    assert where(swarms) == Counter([MANAGER, WORKER1, WORKER2])
    [first, *_] = swarms.running()
    assert first.slot == 0
    assert first.name == f"web.{first.node}.{first.id}"


def test_only_where_its_constraints_hold() -> None:
    swarms = everywhere(constraints=("node.role == worker",))
    assert where(swarms) == Counter([WORKER1, WORKER2])
    swarms.node_update(WORKER1, role=NodeRole.MANAGER)
    swarms.wait(60)
    assert where(swarms) == Counter([WORKER2])
    swarms.node_update(MANAGER, role=NodeRole.WORKER)
    assert where(swarms) == Counter([MANAGER, WORKER2])


def test_node_that_joins_gets_one_and_one_that_leaves_loses_it() -> None:
    swarms = everywhere(Clocked(initialised()))
    assert where(swarms) == Counter([MANAGER])
    swarms.ask(JoinSwarm(WORKER1, token(swarms.state)))
    assert where(swarms) == Counter([MANAGER, WORKER1])
    swarms.ask(LeaveSwarm(WORKER1))
    swarms.wait(60)
    assert where(swarms) == Counter([MANAGER])
    swarms.ask(JoinSwarm(WORKER1, token(swarms.state)))
    assert where(swarms) == Counter([MANAGER, WORKER1])


def test_drained_node_loses_it_and_gets_it_back() -> None:
    swarms = everywhere()
    swarms.drain(WORKER1)
    swarms.wait(60)
    assert where(swarms) == Counter([MANAGER, WORKER2])
    swarms.node_update(WORKER1, availability=Availability.ACTIVE)
    assert where(swarms) == Counter([MANAGER, WORKER1, WORKER2])


def test_paused_node_keeps_it_and_is_not_updated() -> None:
    swarms = everywhere()
    swarms.node_update(WORKER1, availability=Availability.PAUSE)
    assert where(swarms)[WORKER1] == 1
    swarms.update(env=("A=1",))
    swarms.wait(60)
    assert {task.spec.env for task in swarms.running() if task.node == swarms.node(WORKER1).id} == {()}
    swarms.ask(service("late", mode=ServiceMode.GLOBAL))
    assert swarms.node(WORKER1).id not in {task.node for task in swarms.running("late")}


def test_node_that_is_lost_and_comes_back_runs_a_new_one() -> None:
    swarms = everywhere()
    swarms.lose(WORKER1)
    assert where(swarms) == Counter([MANAGER, WORKER2])
    swarms.wait(60)
    assert where(swarms) == Counter([MANAGER, WORKER2])
    swarms.lose(WORKER1, NodeStatus.READY)
    swarms.wait(5)
    assert where(swarms) == Counter([MANAGER, WORKER1, WORKER2])
    assert [task.state for task in swarms.tasks() if task.node == swarms.node(WORKER1).id] == [
        TaskState.SHUTDOWN,
        TaskState.RUNNING,
    ]


def test_failed_one_comes_again_on_its_node() -> None:
    swarms = everywhere()
    swarms.exits(swarms.running()[1])
    swarms.wait(5)
    assert where(swarms) == Counter([MANAGER, WORKER1, WORKER2])


def test_attempts_are_counted_for_each_node() -> None:
    swarms = Clocked(fares=lambda task: 1)
    everywhere(swarms, restart=RestartPolicy(delay=0, max_attempts=2))
    swarms.wait(60)
    assert set(Counter(task.node for task in swarms.tasks()).values()) == {3}


def test_one_that_is_done_stays_done() -> None:
    swarms = Clocked(fares=lambda task: 0)
    everywhere(swarms, restart=RestartPolicy(RestartCondition.ON_FAILURE))
    swarms.wait(60)
    assert len(swarms.tasks(state=TaskState.COMPLETE)) == len(swarms.tasks()) == 3


def test_update_goes_from_node_to_node() -> None:
    swarms = everywhere(ports=(publish(80, 8080, mode="host"),))
    swarms.update(env=("A=1",))
    swarms.wait(3)
    assert [task.spec.env for task in swarms.running()].count(("A=1",)) == 1
    swarms.wait(60)
    assert where(swarms) == Counter([MANAGER, WORKER1, WORKER2])
    assert {task.spec.env for task in swarms.running()} == {("A=1",)}


def test_port_that_is_taken_keeps_it_waiting_for_its_node() -> None:
    swarms = Clocked()
    swarms.ask(service("first", ports=(publish(80, 8080, mode="host"),), pins={1: WORKER1}))
    everywhere(swarms, ports=(publish(80, 8080, mode="host"),))
    [waiting] = swarms.tasks(state=TaskState.PENDING)
    assert waiting.node == swarms.node(WORKER1).id
    assert waiting.error == "no suitable node (host-mode port already in use on 1 node)"


def test_it_is_not_scaled() -> None:
    with pytest.raises(RefusedError, match="scale can only be used with replicated"):
        everywhere().ask(ScaleService("web", 2))
