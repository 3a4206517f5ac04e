"""From one state to the next."""

from __future__ import annotations

from collections.abc import Iterable

from meshnet.errors import Refusal, RefusedError
from meshnet.model import ClusterState, Service, Task
from meshnet.orchestrator import balancers, engines, networks, scheduler, services
from meshnet.orchestrator.commands import (
    Command,
    CreateNetwork,
    CreateService,
    RemoveNetwork,
    RemoveService,
    ScaleService,
)
from meshnet.orchestrator.draft import Draft


def step(state: ClusterState, command: Command, now: int = 0) -> ClusterState:
    """The state after ``command``, one version on, with an event that says what happened.

    Tasks run as soon as they have a node. Raises ``InputError`` or ``AllocationError`` with Docker's words where it has
    some; ``state`` then stands.
    """
    draft = Draft(state, now)
    what = _carry_out(draft, command)
    balancers.leave_unused(draft)
    services.allocate_tasks(draft)
    scheduler.schedule(draft)
    engines.settle(draft)
    return draft.done("; ".join((what, *_moves(state, draft))))


def _carry_out(draft: Draft, command: Command) -> str:
    match command:
        case CreateNetwork(spec):
            network = networks.create(draft, spec)
            return f"network {network.name} created with {network.subnet}"
        case RemoveNetwork(name):
            return f"network {networks.remove(draft, name).name} removed"
        case CreateService(service_spec):
            return f"service {_called(services.create(draft, service_spec))} created"
        case ScaleService(name, replicas):
            return f"service {_called(services.scale(draft, name, replicas))} scaled to {replicas}"
        case RemoveService(name):
            return f"service {_called(services.remove(draft, name))} removed"
        case _:
            raise RefusedError(f"the swarm here does not take {type(command).__name__} yet", Refusal.UNIMPLEMENTED)


def _called(service: Service) -> str:
    return service.spec.name


def _moves(state: ClusterState, draft: Draft) -> Iterable[str]:
    """What became of tasks: which went, which came to a node, which wait and why."""
    for task in state.tasks.values():
        if task.id not in draft.tasks and task.node is not None:
            yield f"{_slot(task)} left {draft.nodes[task.node].name}"
    for task in draft.tasks.values():
        if task == state.tasks.get(task.id):
            continue
        if task.node is None:
            yield f"{_slot(task)} waits: {task.error}"
        else:
            yield f"{_slot(task)} to {draft.nodes[task.node].name}"


def _slot(task: Task) -> str:
    return f"{task.service_name}.{task.slot}"
