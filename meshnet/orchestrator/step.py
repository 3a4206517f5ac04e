"""From one state to the next."""

from __future__ import annotations

from collections.abc import Iterable

from meshnet.model import ClusterState, Task, TaskState
from meshnet.orchestrator import (
    administration,
    balancers,
    containers,
    engines,
    history,
    lifecycle,
    modes,
    networks,
    restart,
    scheduler,
    services,
    tasks,
    updater,
)
from meshnet.orchestrator.commands import (
    Command,
    ContainerExited,
    ContainerRefused,
    ContainerStarted,
    CreateService,
    RemoveService,
    RollbackService,
    ScaleService,
    Tick,
    UpdateService,
)
from meshnet.orchestrator.draft import Draft

_ROUNDS = 100
"""More than any change takes to have its effects, those in turn theirs, and so on. What is left then, the next step
goes on with."""


def step(state: ClusterState, command: Command, now: int = 0) -> ClusterState:
    """The state after ``command`` at the instant ``now`` (nanoseconds), one version on, with an event that says what
    happened.

    Everything follows that needs no time and no engine's report. Raises ``InputError`` or ``AllocationError`` with
    Docker's words where it has some; ``state`` then stands.
    """
    return play(state, (command,), now)


def play(state: ClusterState, commands: Iterable[Command], now: int) -> ClusterState:
    """The state after several commands at one instant, as of one step."""
    draft = Draft(state, now)
    containers.let_time_pass(draft)
    what = [_carry_out(draft, command) for command in commands]
    _follow(draft)
    engines.settle(draft)
    return draft.done("; ".join((*what, *_moves(state, draft))))


def _carry_out(draft: Draft, command: Command) -> str:
    match command:
        case Tick():
            return "time passed"
        case CreateService(spec):
            return f"service {services.create(draft, spec).spec.name} created"
        case UpdateService():
            return f"service {services.update(draft, command).spec.name} updated"
        case RollbackService():
            return f"service {services.roll_back(draft, command).spec.name} rolled back"
        case ScaleService(name, replicas):
            return f"service {services.scale(draft, name, replicas).spec.name} scaled to {replicas}"
        case RemoveService(name):
            return f"service {services.remove(draft, name).spec.name} removed"
        case ContainerStarted(id) | ContainerExited(id) | ContainerRefused(id) if id not in draft.containers:
            return lifecycle.report(draft, command)
        case _:
            return administration.carry_out(draft, command)


def _follow(draft: Draft) -> None:
    """Let everything follow from what has changed, until nothing more does."""
    for _ in range(_ROUNDS):
        before = _progress(draft)
        networks.reap(draft)
        balancers.leave_unused(draft)
        restart.supervise(draft)
        for service in list(draft.services.values()):
            modes.fill(draft, service)
            updater.advance(draft, service, services.reassigned)
        lifecycle.release_ready(draft)
        lifecycle.retire(draft)
        tasks.allocate(draft)
        scheduler.schedule(draft)
        lifecycle.advance(draft)
        history.reap(draft)
        if _progress(draft) == before:
            return


def _progress(draft: Draft) -> tuple[object, ...]:
    """What tells whether anything has changed."""
    rollouts = [service.rollout for service in draft.services.values()]
    return dict(draft.tasks), dict(draft.services), rollouts, dict(draft.nodes)


def _moves(state: ClusterState, draft: Draft) -> Iterable[str]:
    """What became of tasks: which went, which came to a node, which wait and why."""
    for task in state.tasks.values():
        if task.id not in draft.tasks and task.placed and task.node is not None:
            yield f"{lifecycle.name(task)} left {state.nodes[task.node].name}"
    for task in draft.tasks.values():
        before = state.tasks.get(task.id)
        words = None if before is not None and _stands(before) == _stands(task) else _what_became(draft, task)
        if words:
            yield f"{lifecycle.name(task)} {words}"


def _stands(task: Task) -> tuple[object, ...]:
    return task.node, task.state, task.stopping, task.drain_until, task.error


def _what_became(draft: Draft, task: Task) -> str:
    node = draft.nodes[task.node].name if task.node is not None and task.node in draft.nodes else "a node"
    if task.state < TaskState.ASSIGNED:
        return f"waits: {task.error}" if task.error else ""
    if task.stopping:
        return f"is to stop on {node}"
    if task.drain_until is not None:
        return f"drains on {node}"
    if task.state is TaskState.READY:
        return f"is ready on {node}"
    return f"to {node}" if task.state is TaskState.STARTING else ""
