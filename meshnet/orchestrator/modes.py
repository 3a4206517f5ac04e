"""How many tasks a service has, and where a global one's are: slots are filled and emptied.

docker-swarm-facts section 4.5; swarmkit manager/orchestrator/replicated and manager/orchestrator/global.
"""

from __future__ import annotations

from collections import Counter

from meshnet.model import Availability, Constraint, Node, NodeId, Service, ServiceMode, Task, TaskState
from meshnet.orchestrator import slots, tasks
from meshnet.orchestrator.draft import Draft
from meshnet.orchestrator.slots import Key, Slot


def fill(draft: Draft, service: Service) -> None:
    """Give the service the tasks it lacks, and let those go that it has too many of."""
    if service.spec.mode is ServiceMode.GLOBAL:
        _fill_nodes(draft, service)
    else:
        _fill_slots(draft, service)


def _fill_slots(draft: Draft, service: Service) -> None:
    found = slots.of(draft, service)
    held = [slot for slot in found.values() if slot.held]
    if len(held) > service.spec.replicas:
        kept = {slot.key for slot in _keepers_first(service, held)[: service.spec.replicas]}
        for slot in held:
            if slot.key not in kept:
                _empty(draft, slot)
        return
    taken = {slot.key for slot in held}
    free = (number for number in slots.numbers(service.spec) if number not in taken)
    for _, number in zip(range(service.spec.replicas - len(held)), free, strict=False):
        tasks.make(draft, service, number)
        taken.add(number)
    for slot in found.values():
        if slot.key not in taken:
            _empty(draft, slot)


def _fill_nodes(draft: Draft, service: Service) -> None:
    found = slots.of(draft, service)
    for node in draft.nodes.values():
        slot = found.pop(node.id, None)
        if not _takes(service, node):
            _shut(draft, slot)
        elif node.availability is Availability.ACTIVE and (slot is None or not slot.held):
            tasks.make(draft, service, node.id)
    for slot in found.values():
        _shut(draft, slot)


def _takes(service: Service, node: Node) -> bool:
    constraints = [Constraint.parse(text) for text in service.spec.constraints]
    return (
        node.up
        and node.availability is not Availability.DRAIN
        and all(constraint.holds(node) for constraint in constraints)
    )


def _shut(draft: Draft, slot: Slot | None) -> None:
    for task in slot.wanted if slot else ():
        tasks.want(draft, task, TaskState.SHUTDOWN)


def _empty(draft: Draft, slot: Slot) -> None:
    """The slot goes, and its history with it."""
    for task in slot.tasks:
        tasks.want(draft, task, TaskState.REMOVE)


def _keepers_first(service: Service, held: list[Slot]) -> list[Slot]:
    """Slots, those that scaling down spares first: running before others, lower before higher, but the nodes' first
    copies before their second ones. So the nodes with most copies lose theirs first."""
    rank: dict[Key, int] = {slot: place for place, slot in enumerate(service.spec.pins)}
    last = {slot.key: slot.held[-1] for slot in held}
    ordered = sorted(
        held, key=lambda slot: (not _runs(last[slot.key]), rank.get(slot.key, len(rank)), last[slot.key].slot)
    )
    copies: Counter[NodeId | None] = Counter()
    order: dict[Key, tuple[bool, int]] = {}
    for slot in ordered:
        node = last[slot.key].node
        copies[node] += 1
        order[slot.key] = (node is None, copies[node])
    return sorted(ordered, key=lambda slot: order[slot.key])


def _runs(task: Task) -> bool:
    return TaskState.STARTING <= task.state <= TaskState.RUNNING
