"""Tasks that ended, or whose node is no longer theirs, and what comes in their place.

docker-swarm-facts section 4.3; swarmkit manager/orchestrator/restart/restart.go and constraintenforcer. How often a
slot was restarted follows from the tasks it has had: history keeps enough of them.
"""

from __future__ import annotations

from collections.abc import Sequence

from meshnet.model import Availability, Constraint, RestartCondition, Service, Task, TaskState
from meshnet.orchestrator import tasks
from meshnet.orchestrator.dirty import is_dirty
from meshnet.orchestrator.draft import Draft

UNFIT = "assigned node no longer meets constraints"


def supervise(draft: Draft) -> None:
    """Give up every task that ended by itself or can't stay where it is, and make its replacement if one is due."""
    for task in list(draft.tasks.values()):
        service = draft.services.get(task.service)
        if service is None or not task.wanted:
            continue
        if task.ended or (task.slot and _homeless(draft, task)):
            _replace(draft, service, tasks.want(draft, task, TaskState.SHUTDOWN))
        elif _unfit(draft, task):
            _replace(draft, service, tasks.want(draft, task, TaskState.SHUTDOWN, UNFIT))


def is_due(task: Task, history: Sequence[Task], now: int) -> bool:
    """Whether a task that is over is to be replaced, given all tasks of its slot and when the question comes up."""
    policy = task.spec.restart_policy
    if policy.condition is RestartCondition.NONE:
        return False
    if policy.condition is RestartCondition.ON_FAILURE and task.state is TaskState.COMPLETE:
        return False
    if not policy.max_attempts:
        return True
    again = [other for other in history if other.spec_version == task.spec_version][1:]
    if policy.window:
        again = [other for other in again if other.meta.created > now - policy.window]
    return len(again) < policy.max_attempts


def _replace(draft: Draft, service: Service, task: Task) -> None:
    slot = [other for other in draft.tasks_of(service) if other.slot_key == task.slot_key]
    if not is_due(task, slot, draft.now):
        return
    if any(other.wanted and not is_dirty(service, other) for other in slot):
        return
    node = draft.nodes.get(task.node) if task.node is not None else None
    if not task.slot and (_homeless(draft, task) or _unfit(draft, task)):
        return
    drained = node is not None and node.availability is Availability.DRAIN
    delay = 0 if drained else task.spec.restart_policy.delay
    tasks.make(
        draft,
        service,
        task.slot_key,
        desired=TaskState.READY,
        start_after=draft.now + delay if delay else None,
    )


def _homeless(draft: Draft, task: Task) -> bool:
    """Whether its node is gone, down or drained."""
    if task.node is None:
        return False
    return not draft.is_up(task.node) or draft.nodes[task.node].availability is Availability.DRAIN


def _unfit(draft: Draft, task: Task) -> bool:
    """Whether its node has ceased to meet the constraints it was placed by."""
    if task.node is None or task.node not in draft.nodes or task.state < TaskState.ASSIGNED:
        return False
    node = draft.nodes[task.node]
    return not all(Constraint.parse(text).holds(node) for text in task.spec.constraints)
