"""Updates and rollbacks: what is replaced, how many at a time, and what happens when it fails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from meshnet.errors import AllocationError, Refusal, RefusedError
from meshnet.model import (
    SECOND,
    EndpointMode,
    FailureAction,
    RestartCondition,
    RestartPolicy,
    ServiceMode,
    ServiceSpec,
    Task,
    UpdateConfig,
    UpdateOrder,
    UpdateState,
)
from meshnet.orchestrator import Command, RemoveService, ScaleService, is_dirty, next_deadline
from meshnet.orchestrator.commands import RollbackService, UpdateService
from tests.orchestrator.clocked import Clocked, Outcome
from tests.orchestrator.swarms import MANAGER, WORKER1, network, publish, service

NEW = ("NEW=1",)


def started(replicas: int = 3, *, stop_time: float = 0, **spec: Any) -> Clocked:
    swarms = Clocked(stop_time=stop_time)
    swarms.ask(network("a"), network("b"), service("web", replicas, **spec))
    swarms.fewest_running, swarms.most_serving = replicas, replicas
    return swarms


def status(swarms: Clocked) -> tuple[str, str]:
    found = swarms.service().update_status
    assert found is not None
    return found.state, found.message


def new(swarms: Clocked) -> list[int]:
    """The slots where the new spec runs."""
    return sorted(task.slot for task in swarms.running() if task.spec.env == NEW)


def new_ones(outcome: Outcome) -> Callable[[Task], Outcome]:
    return lambda task: outcome if task.spec.env == NEW else None


@pytest.mark.parametrize(
    ("change", "dirty"),
    [
        ({"env": NEW}, True),
        ({"image": "nginx"}, True),
        ({"force_update": 1}, True),
        ({"networks": ("a",)}, True),
        ({"ports": (publish(80, 8080),)}, True),
        ({"endpoint_mode": EndpointMode.DNSRR}, True),
        ({"restart": RestartPolicy(max_attempts=2)}, True),
        ({"constraints": ("node.role == worker",)}, True),
        ({"container_labels": {"a": "b"}}, True),
        ({"replicas": 2}, False),
        ({"labels": {"a": "b"}}, False),
        ({"pins": {2: MANAGER}}, False),
        ({"update": UpdateConfig(parallelism=2)}, False),
        ({"rollback": UpdateConfig(parallelism=2)}, False),
        ({}, False),
    ],
)
def test_what_replaces_tasks(change: dict[str, Any], dirty: bool) -> None:
    swarms = started(2)
    tasks = swarms.running()
    swarms.update(**change)
    assert all(is_dirty(swarms.service(), task) == dirty for task in tasks)
    swarms.wait(60)
    assert (swarms.running() != tasks) == dirty
    assert (swarms.service().update_status is not None) == dirty


def test_constraints_that_a_node_meets_already_replace_nothing_there() -> None:
    swarms = started(3)
    kept = swarms.tasks(slot=2)
    swarms.update(constraints=("node.hostname == swarm-worker1",))
    swarms.wait(60)
    assert [task for task in swarms.running() if task.slot == 2] == kept
    assert {task.node for task in swarms.running()} == {swarms.node(WORKER1).id}


def test_one_slot_at_a_time_and_the_old_task_stops_first() -> None:
    swarms = started(3, stop_time=1)
    swarms.update(env=NEW)
    assert status(swarms) == ("updating", "update in progress")
    seen = []
    for _ in range(4):
        seen.append(new(swarms))
        swarms.wait(3)
    assert seen == [[], [1], [1, 2], [1, 2, 3]]
    assert (swarms.fewest_running, swarms.most_serving) == (2, 3)


@pytest.mark.parametrize(("parallelism", "fewest", "seconds"), [(1, 3, 8), (2, 2, 4), (3, 1, 4), (0, 0, 2)])
def test_parallelism(parallelism: int, fewest: int, seconds: int) -> None:
    swarms = started(4, update=UpdateConfig(parallelism=parallelism))
    swarms.update(env=NEW)
    swarms.wait(seconds - 0.1)
    assert len(new(swarms)) < 4
    swarms.wait(0.1)
    assert new(swarms) == [1, 2, 3, 4]
    assert swarms.fewest_running == fewest


def test_worker_rests_between_slots() -> None:
    swarms = started(2, update=UpdateConfig(delay=10 * SECOND))
    swarms.update(env=NEW)
    swarms.wait(11.9)
    assert swarms.most_serving == 2
    assert new(swarms) == [1]
    assert len(swarms.running()) == 2
    swarms.wait(2.1)
    assert new(swarms) == [1, 2]


def test_start_first_lets_the_new_task_run_before_the_old_one_goes() -> None:
    swarms = started(2, update=UpdateConfig(order=UpdateOrder.START_FIRST))
    swarms.update(env=NEW)
    swarms.wait(60)
    assert new(swarms) == [1, 2]
    assert swarms.fewest_running == 2


def test_update_is_completed_after_its_last_watch() -> None:
    swarms = started(1, update=UpdateConfig(monitor=7 * SECOND))
    swarms.update(env=NEW)
    swarms.wait(8.9)
    assert status(swarms)[0] is UpdateState.UPDATING
    swarms.wait(0.1)
    assert status(swarms) == ("completed", "update completed")
    found = swarms.service().update_status
    assert found is not None
    assert (found.started, found.completed) == (0, 9 * SECOND)
    assert next_deadline(swarms.state) is None
    assert swarms.service().rollout is None


def test_progress_leaves_the_services_version() -> None:
    swarms = started(3)
    swarms.update(env=NEW)
    version = swarms.service().meta.version
    swarms.wait(4)
    assert new(swarms)
    assert swarms.service().meta.version == version


@pytest.mark.parametrize(("outcome", "left"), [(1, [3]), (0, [3]), ("no such image", [2, 3])])
def test_failing_task_pauses_the_update(outcome: Outcome, left: list[int]) -> None:
    """Without a delay the worker goes on to the next slot as soon as a task runs, however short."""
    swarms = started(3)
    swarms.fares = new_ones(outcome)
    swarms.update(env=NEW)
    swarms.wait(3)
    failed = next(task for task in swarms.tasks() if task.spec.env == NEW)
    assert status(swarms) == ("paused", f"update paused due to failure or early termination of task {failed.id}")
    swarms.wait(60)
    assert sorted(task.slot for task in swarms.running() if task.spec.env != NEW) == left


def test_failure_after_the_watch_is_no_failure_of_the_update() -> None:
    swarms = started(3, update=UpdateConfig(monitor=SECOND, delay=5 * SECOND))
    swarms.update(env=NEW)
    swarms.wait(2)
    swarms.wait(6.5)
    swarms.exits(swarms.running()[0] if swarms.running()[0].slot == 1 else swarms.tasks(slot=1)[-1])
    swarms.wait(60)
    assert status(swarms)[0] is UpdateState.COMPLETED


def test_paused_update_goes_on_with_the_next_one() -> None:
    swarms = started(3)
    swarms.fares = new_ones(1)
    swarms.update(env=NEW)
    swarms.wait(10)
    swarms.fares = lambda task: None
    swarms.update()
    swarms.wait(60)
    assert new(swarms) == [1, 2, 3]
    assert status(swarms)[0] is UpdateState.COMPLETED


def test_failures_are_passed_over_if_so_asked() -> None:
    swarms = started(3, update=UpdateConfig(failure_action=FailureAction.CONTINUE))
    swarms.fares = lambda task: 1 if task.spec.env == NEW and task.slot == 1 else None
    swarms.update(env=NEW)
    swarms.wait(20)
    assert new(swarms) == [2, 3]


@pytest.mark.parametrize(("ratio", "state"), [(0.3, UpdateState.PAUSED), (0.5, UpdateState.COMPLETED)])
def test_failures_up_to_a_share_of_the_slots_are_put_up_with(ratio: float, state: UpdateState) -> None:
    swarms = started(3, update=UpdateConfig(max_failure_ratio=ratio))
    swarms.fares = lambda task: 1 if task.spec.env == NEW and task.slot == 1 else None
    swarms.update(env=NEW)
    swarms.wait(30)
    assert status(swarms)[0] is state


@pytest.mark.parametrize("order", list(UpdateOrder))
def test_failing_update_is_rolled_back_if_so_asked(order: UpdateOrder) -> None:
    swarms = started(3, update=UpdateConfig(failure_action=FailureAction.ROLLBACK, order=order))
    swarms.fares = new_ones(1)
    swarms.update(env=NEW)
    swarms.wait(3)
    state, message = status(swarms)
    assert state == "rollback_started"
    assert message.startswith("update rolled back due to failure or early termination of task ")
    swarms.wait(60)
    assert status(swarms) == ("rollback_completed", "rollback completed")
    assert [task.spec.env for task in swarms.running()] == [()] * 3
    assert swarms.service().previous is None


def test_failing_rollback_pauses_whatever_the_update_was_to_do() -> None:
    action = UpdateConfig(failure_action=FailureAction.ROLLBACK)
    swarms = started(2, update=action, rollback=action)
    swarms.fares = new_ones(1)
    swarms.update(env=NEW)
    swarms.fares = lambda task: 1 if task.meta.created > 0 or task.spec.env == NEW else None
    swarms.wait(60)
    state, message = status(swarms)
    assert state == "rollback_paused"
    assert message.startswith("rollback paused due to failure or early termination of task ")


def test_start_first_update_that_fails_for_good_is_not_tried_for_ever() -> None:
    policy = RestartPolicy(RestartCondition.NONE)
    config = UpdateConfig(order=UpdateOrder.START_FIRST, failure_action=FailureAction.CONTINUE)
    swarms = started(2, update=config, restart=policy)
    swarms.fares = new_ones("no such image")
    swarms.update(env=NEW)
    swarms.wait(300)
    assert status(swarms)[0] is UpdateState.COMPLETED
    assert len([task for task in swarms.tasks() if task.spec.env == NEW]) == 2
    assert len(swarms.running()) == 2


def test_rollback_puts_the_spec_before_back_and_back_again() -> None:
    swarms = started(2)
    swarms.update(env=NEW, replicas=3)
    swarms.wait(60)
    swarms.roll_back()
    assert status(swarms) == ("rollback_started", "manually requested rollback")
    swarms.wait(60)
    assert status(swarms) == ("rollback_completed", "rollback completed")
    assert [task.spec.env for task in swarms.running()] == [()] * 2
    swarms.roll_back()
    swarms.wait(60)
    assert new(swarms) == [1, 2, 3]


def test_update_during_an_update_takes_its_place() -> None:
    swarms = started(3)
    swarms.update(env=NEW)
    swarms.wait(3)
    swarms.update(env=("LATER=1",))
    swarms.wait(60)
    assert {task.spec.env for task in swarms.running()} == {("LATER=1",)}
    assert len(swarms.running()) == 3
    assert status(swarms)[0] is UpdateState.COMPLETED


def test_start_first_update_overtaken_by_another_leaves_one_task_a_slot() -> None:
    swarms = started(2, update=UpdateConfig(order=UpdateOrder.START_FIRST))
    swarms.update(env=NEW)
    swarms.update(env=("LATER=1",))
    swarms.wait(60)
    assert sorted(task.slot for task in swarms.running()) == [1, 2]
    assert {task.spec.env for task in swarms.running()} == {("LATER=1",)}


def test_scaling_during_an_update() -> None:
    swarms = started(3)
    swarms.update(env=NEW)
    swarms.wait(1)
    swarms.ask(ScaleService("web", 5))
    swarms.wait(60)
    assert new(swarms) == [1, 2, 3, 4, 5]


def test_host_mode_port_goes_from_the_old_task_to_the_new_one() -> None:
    swarms = started(3, ports=(publish(80, 8080, mode="host"),))
    swarms.update(env=NEW)
    swarms.wait(60)
    assert new(swarms) == [1, 2, 3]
    assert len({task.node for task in swarms.running()}) == 3


def test_start_first_update_of_a_host_mode_port_waits_for_ever_unless_asked_again() -> None:
    """As in Docker: the old task has the port, and goes only once the new one runs."""
    port, config = publish(80, 8080, mode="host"), UpdateConfig(order=UpdateOrder.START_FIRST)
    swarms = started(3, ports=(port,), update=config)
    swarms.update(env=NEW)
    swarms.wait(300)
    assert (new(swarms), status(swarms)[0]) == ([], UpdateState.UPDATING)
    swarms.update()
    swarms.wait(10)
    assert new(swarms) == [1]


def test_pins_stay() -> None:
    swarms = started(2, pins={2: MANAGER, 1: MANAGER})
    swarms.update(env=NEW, pins={})
    swarms.wait(60)
    assert {task.node for task in swarms.running()} == {swarms.node(MANAGER).id}


def test_chosen_port_sticks() -> None:
    swarms = started(1, ports=(publish(80), publish(81)))
    swarms.ask(service("other", ports=(publish(80),)))
    swarms.update(ports=(publish(81), publish(82), publish(80, 9000)))
    assert [port.published for port in swarms.service().ports] == [30001, 30003, 9000]


def test_virtual_addresses_are_kept_added_and_released() -> None:
    swarms = started(1, networks=("a",))
    a, b = (swarms.state.network_named(name) for name in "ab")
    assert a is not None and b is not None and swarms.state.ingress is not None
    before = dict(swarms.service().vips)
    swarms.update(networks=("a", "b"), ports=(publish(80, 80),))
    wide = swarms.service().vips
    assert set(wide) == {a.id, b.id, swarms.state.ingress.id}
    assert wide[a.id] == before[a.id]
    swarms.update(networks=("b",), ports=())
    assert swarms.service().vips == {b.id: wide[b.id]}
    swarms.update(endpoint_mode=EndpointMode.DNSRR)
    assert not swarms.service().vips
    swarms.wait(60)
    held = {leg.address.ip for task in swarms.running() for leg in task.attachments if leg.network == b.id}
    balancers = {node.attachments[b.id].ip for node in swarms.state.nodes.values() if b.id in node.attachments}
    assert swarms.state.counters.taken[b.id] == {b.gateway} | held | balancers
    assert swarms.state.counters.taken[a.id] == {a.gateway}


def test_rollback_that_cannot_have_its_port_back_pauses() -> None:
    swarms = started(
        1, ports=(publish(80, 8080),), update=UpdateConfig(failure_action=FailureAction.ROLLBACK, monitor=60 * SECOND)
    )
    swarms.update(env=NEW, ports=())
    swarms.ask(service("other", ports=(publish(80, 8080),)))
    swarms.wait(3)
    swarms.exits(swarms.running()[0])
    state, message = status(swarms)
    assert state == "paused"
    assert "port '8080' is already in use by service 'other'" in message


def test_update_by_id_and_by_the_beginning_of_one() -> None:
    swarms = started(1)
    made = swarms.service()
    swarms.ask(UpdateService(made.id, replace(made.spec, labels={"a": "b"})))
    swarms.ask(UpdateService(made.id[:6], replace(made.spec, labels={"c": "d"})))
    assert swarms.service().spec.labels == {"c": "d"}


@pytest.mark.parametrize(
    ("command", "kind", "words"),
    [
        (UpdateService("web", ServiceSpec("web", "busybox"), 999), Refusal.UNKNOWN, "update out of sequence"),
        (RollbackService("web", 999), Refusal.UNKNOWN, "update out of sequence"),
        (
            UpdateService("web", ServiceSpec("wob", "busybox")),
            Refusal.UNIMPLEMENTED,
            "renaming services is not supported",
        ),
        (
            UpdateService("web", ServiceSpec("web", "busybox", mode=ServiceMode.GLOBAL)),
            Refusal.UNIMPLEMENTED,
            "service mode change is not allowed",
        ),
        (UpdateService("nope", ServiceSpec("nope", "busybox")), Refusal.NOT_FOUND, "service nope not found"),
        (RemoveService("nope"), Refusal.NOT_FOUND, "service nope not found"),
        (service("web"), Refusal.ALREADY_EXISTS, "name conflicts with an existing object: service web already exists"),
        (service("new", networks=["nope"]), Refusal.NOT_FOUND, "network nope not found"),
    ],
)
def test_refusals(command: Command, kind: Refusal, words: str) -> None:
    swarms = started(1)
    with pytest.raises(RefusedError, match=words) as refused:
        swarms.ask(command)
    assert refused.value.kind is kind


def test_rollback_without_a_spec_before_is_refused() -> None:
    swarms = started(1)
    made = swarms.service()
    with pytest.raises(RefusedError, match=f"service {made.id} does not have a previous spec") as refused:
        swarms.roll_back()
    assert refused.value.kind is Refusal.FAILED_PRECONDITION


def test_update_to_a_taken_port_is_refused_and_changes_nothing() -> None:
    swarms = started(1)
    swarms.ask(service("other", ports=(publish(80, 80),)))
    before = swarms.state
    with pytest.raises(AllocationError, match="port '80' is already in use by service 'other'"):
        swarms.update(ports=(publish(80, 80),))
    assert swarms.state is before
