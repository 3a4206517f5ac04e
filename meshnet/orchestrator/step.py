"""From one state to the next."""

from __future__ import annotations

from collections.abc import Iterable

from meshnet.model import ClusterState, Service, Task
from meshnet.orchestrator import administration, balancers, containers, engines, scheduler, services
from meshnet.orchestrator.commands import (
    Command,
    CreateService,
    RemoveService,
    ScaleService,
    Tick,
)
from meshnet.orchestrator.draft import Draft


def step(state: ClusterState, command: Command, now: int = 0) -> ClusterState:
    """The state after ``command``, one version on, with an event that says what happened.

    Tasks run as soon as they have a node. Raises ``InputError`` or ``AllocationError`` with Docker's words where it has
    some; ``state`` then stands.
    """
    draft = Draft(state, now)
    containers.let_time_pass(draft)
    what = _carry_out(draft, command)
    balancers.leave_unused(draft)
    services.allocate_tasks(draft)
    scheduler.schedule(draft)
    engines.settle(draft)
    return draft.done("; ".join((what, *_moves(state, draft))))


def _carry_out(draft: Draft, command: Command) -> str:
    match command:
        case Tick():
            return "time passed"
        case CreateService(service_spec):
            return f"service {_called(services.create(draft, service_spec))} created"
        case ScaleService(name, replicas):
            return f"service {_called(services.scale(draft, name, replicas))} scaled to {replicas}"
        case RemoveService(name):
            return f"service {_called(services.remove(draft, name))} removed"
        case _:
            return administration.carry_out(draft, command)


def _called(service: Service) -> str:
    return service.spec.name


def _moves(state: ClusterState, draft: Draft) -> Iterable[str]:
    """What became of tasks: which went, which came to a node, which wait and why."""
    for task in state.tasks.values():
        if task.id not in draft.tasks and task.node is not None:
            yield f"{_slot(task)} left {state.nodes[task.node].name}"
    for task in draft.tasks.values():
        if task == state.tasks.get(task.id):
            continue
        if task.node is None:
            yield f"{_slot(task)} waits: {task.error}"
        else:
            yield f"{_slot(task)} to {draft.nodes[task.node].name}"


def _slot(task: Task) -> str:
    return f"{task.service_name}.{task.slot}"
