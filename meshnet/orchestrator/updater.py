"""Updates and rollbacks: tasks that are not what the service says any more are replaced, a few at a time.

docker-swarm-facts section 4.2; swarmkit manager/orchestrator/update/updater.go. Docker's updater is a set of workers,
each of which takes up one slot after another. Here every step asks how far they have come: a task that is waited for is
a worker at work, an instant in ``Rollout.resting`` one that pauses.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from meshnet.errors import AllocationError, InputError
from meshnet.model import (
    SECOND,
    Availability,
    FailureAction,
    Rollout,
    Service,
    ServiceMode,
    ServiceSpec,
    Task,
    TaskState,
    UpdateConfig,
    UpdateOrder,
    UpdateState,
    UpdateStatus,
)
from meshnet.orchestrator import slots, tasks
from meshnet.orchestrator.dirty import is_dirty
from meshnet.orchestrator.draft import Draft
from meshnet.orchestrator.slots import Slot

Reassign = Callable[[Draft, Service, ServiceSpec], Service]
"""Gives a service another spec, with ports and addresses to match; ``InputError`` or ``AllocationError``."""

ROLLING_BACK = (UpdateState.ROLLBACK_STARTED, UpdateState.ROLLBACK_PAUSED, UpdateState.ROLLBACK_COMPLETED)


def advance(draft: Draft, service: Service, reassign: Reassign) -> None:
    """Take the service's update on as far as it goes now; begin one if there is something to replace."""
    _settle_pairs(draft, service)
    status = service.update_status
    if status is not None and status.state not in (UpdateState.UPDATING, UpdateState.ROLLBACK_STARTED):
        return
    dirty = _dirty(draft, service)
    if service.rollout is None:
        if not dirty:
            if status is not None:
                _finish(draft, service)
            return
        status = status or UpdateStatus(UpdateState.UPDATING, draft.now, message="update in progress")
        service = replace(service, update_status=status, rollout=Rollout(len(dirty)))
    service = _noted(draft, service)
    draft.services[service.id] = service
    failed = _too_many_failed(draft, service)
    if failed is not None:
        _give_up(draft, service, failed, reassign)
        return
    _take_up(draft, service, dirty)
    _conclude(draft, draft.services[service.id])


def _config(service: Service) -> UpdateConfig:
    rolling_back = service.update_status is not None and service.update_status.state in ROLLING_BACK
    return service.spec.rollback_config if rolling_back else service.spec.update_config


def _dirty(draft: Draft, service: Service) -> list[Slot]:
    """The slots that hold something to replace, in the order they are replaced. Paused nodes' are left."""
    found = slots.of(draft, service)
    if service.spec.mode is ServiceMode.GLOBAL:
        order = [
            node.id for node in draft.nodes.values() if node.availability is not Availability.PAUSE and node.id in found
        ]
        ordered = [found[node] for node in order]
    else:
        rank = {slot: place for place, slot in enumerate(service.spec.pins)}
        ordered = sorted(found.values(), key=lambda slot: (rank.get(slot.tasks[0].slot, len(rank)), slot.tasks[0].slot))
    return [slot for slot in ordered if any(_is_dirty(draft, service, task) for task in slot.held)]


def _is_dirty(draft: Draft, service: Service, task: Task) -> bool:
    return is_dirty(service, task, draft.nodes.get(task.node) if task.node is not None else None)


def _settle_pairs(draft: Draft, service: Service) -> None:
    """Where two tasks of a slot run and one is as it is to be, let the other go: that is what start-first waits for."""
    for slot in slots.of(draft, service).values():
        if len(slot.wanted) < 2:
            continue
        clean = [task for task in slot.wanted if not _is_dirty(draft, service, task)]
        running = [task for task in clean if task.state is TaskState.RUNNING]
        for task in slot.wanted if running else ():
            if task is not running[0]:
                tasks.want(draft, task, TaskState.SHUTDOWN)


def _noted(draft: Draft, service: Service) -> Service:
    """The service with what has become of the tasks its rollout made."""
    rollout, config = service.rollout or Rollout(0), _config(service)
    made = dict(rollout.made)
    resting = [instant for instant in rollout.resting if instant > draft.now]
    for id, up in rollout.made.items():
        task = draft.tasks.get(id)
        if up is None and (task is None or task.state >= TaskState.RUNNING or not task.wanted):
            made[id] = draft.now
            if config.delay:
                resting.append(draft.now + config.delay)
    failed = set(rollout.failed)
    for id, up in rollout.made.items():
        task = draft.tasks.get(id)
        if task is not None and task.ended and (up is None or task.since - up <= _monitor(config)):
            failed.add(id)
    return replace(service, rollout=replace(rollout, made=made, resting=tuple(resting), failed=frozenset(failed)))


def _monitor(config: UpdateConfig) -> int:
    """How long a new task is watched: beyond the delay, in any case."""
    return config.delay + SECOND if config.delay >= config.monitor else config.monitor


def _too_many_failed(draft: Draft, service: Service) -> Task | None:
    """The last task to fail where that made too many."""
    rollout, config = service.rollout, _config(service)
    if rollout is None or not rollout.failed or config.failure_action is FailureAction.CONTINUE:
        return None
    if len(rollout.failed) / max(1, rollout.total) <= config.max_failure_ratio:
        return None
    known = [draft.tasks[id] for id in rollout.made if id in rollout.failed and id in draft.tasks]
    return max(known, key=lambda task: task.since, default=None)


def _give_up(draft: Draft, service: Service, failed: Task, reassign: Reassign) -> None:
    action = _config(service).failure_action
    why = f"due to failure or early termination of task {failed.id}"
    if action is FailureAction.PAUSE:
        _pause(draft, service, f"update paused {why}")
    elif service.update_status is not None and service.update_status.state is UpdateState.ROLLBACK_STARTED:
        _pause(draft, service, f"rollback paused {why}")
    elif service.previous is None:
        _pause(draft, service, f"update paused {why}")
    else:
        _roll_back(draft, service, service.previous, f"update rolled back {why}", reassign)


def _pause(draft: Draft, service: Service, message: str) -> None:
    status = service.update_status
    if status is None:
        return
    state = UpdateState.PAUSED if status.state is UpdateState.UPDATING else UpdateState.ROLLBACK_PAUSED
    draft.services[service.id] = replace(
        service, update_status=replace(status, state=state, message=message), rollout=None
    )


def _roll_back(draft: Draft, service: Service, spec: ServiceSpec, message: str, reassign: Reassign) -> None:
    """Let the service be what it was before. What can't be had back any more, a port say, makes it pause."""
    try:
        before = reassign(draft, service, spec)
    except (InputError, AllocationError) as error:
        _pause(draft, service, f"{message}, which is not possible: {error}")
        return
    started = service.update_status.started if service.update_status else draft.now
    draft.services[service.id] = replace(
        before,
        previous=None,
        spec_version=draft.version,
        update_status=UpdateStatus(UpdateState.ROLLBACK_STARTED, started, message=message),
        rollout=None,
        failures={},
    )


def _take_up(draft: Draft, service: Service, dirty: list[Slot]) -> None:
    """Give every worker that is free its next slot."""
    rollout, config = service.rollout, _config(service)
    if rollout is None:
        return
    waited_for = sum(up is None for up in rollout.made.values())
    free = (config.parallelism or max(1, rollout.total)) - waited_for - len(rollout.resting)
    made, begun = dict(rollout.made), set(rollout.begun)
    for slot in dirty:
        if free <= 0:
            break
        if slot.key in begun:
            continue
        begun.add(slot.key)
        if any(not _is_dirty(draft, service, task) for task in slot.wanted):
            _make_way(draft, service, slot)
            continue
        made[_replace(draft, service, slot, config.order).id] = None
        free -= 1
    draft.services[service.id] = replace(service, rollout=replace(rollout, made=made, begun=frozenset(begun)))


def _make_way(draft: Draft, service: Service, slot: Slot) -> None:
    """The task to come is there already, from an update before this one: the others go."""
    for task in slot.wanted:
        if _is_dirty(draft, service, task):
            tasks.want(draft, task, TaskState.SHUTDOWN)


def _replace(draft: Draft, service: Service, slot: Slot, order: UpdateOrder) -> Task:
    """A new task in place of a slot's; ``start-first`` leaves an old one that runs until the new one does."""
    start_first = order is UpdateOrder.START_FIRST
    for task in slot.wanted:
        if not start_first or task.state is not TaskState.RUNNING:
            tasks.want(draft, task, TaskState.SHUTDOWN)
    return tasks.make(draft, service, slot.key, desired=TaskState.RUNNING if start_first else TaskState.READY)


def _conclude(draft: Draft, service: Service) -> None:
    """Once the last slot is done and its worker's pause over, watch a while longer, and then complete the update."""
    rollout = service.rollout
    if rollout is None or rollout.resting or None in rollout.made.values():
        return
    if any(slot.key not in rollout.begun for slot in _dirty(draft, service)):
        return
    if rollout.monitor_until is None:
        until = draft.now + _monitor(_config(service))
        draft.services[service.id] = replace(service, rollout=replace(rollout, monitor_until=until))
    elif rollout.monitor_until <= draft.now:
        _finish(draft, service)


def _finish(draft: Draft, service: Service) -> None:
    status = service.update_status
    if status is None:
        return
    rolling_back = status.state is UpdateState.ROLLBACK_STARTED
    draft.services[service.id] = replace(
        service,
        rollout=None,
        update_status=replace(
            status,
            state=UpdateState.ROLLBACK_COMPLETED if rolling_back else UpdateState.COMPLETED,
            completed=draft.now,
            message="rollback completed" if rolling_back else "update completed",
        ),
    )
