"""Slots of a service: what each place for one task holds, and has held.

A replicated service's slots have numbers, a global one's are nodes. swarmkit manager/orchestrator/slot.go.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from meshnet.model import NodeId, Service, ServiceSpec, Task, TaskState
from meshnet.orchestrator import restart
from meshnet.orchestrator.draft import Draft

Key = int | NodeId


@dataclass(frozen=True, slots=True)
class Slot:
    """``tasks`` are all there are, in the order they were made."""

    key: Key
    tasks: tuple[Task, ...]

    @property
    def wanted(self) -> tuple[Task, ...]:
        """Those that are to run: one, and two while one replaces another before it stops."""
        return tuple(task for task in self.tasks if task.wanted)

    @property
    def held(self) -> tuple[Task, ...]:
        """Those that take the slot up: that are to run, or the last one where that is over for good."""
        if self.wanted:
            return self.wanted
        last = self.tasks[-1]
        return () if restart.is_due(last, self.tasks, last.since) else (last,)


def of(draft: Draft, service: Service) -> dict[Key, Slot]:
    """A service's slots that hold any task, by key; those that scaling down or removing empties are none."""
    tasks: dict[Key, list[Task]] = {}
    for task in draft.tasks_of(service):
        if task.desired < TaskState.REMOVE:
            tasks.setdefault(task.slot_key, []).append(task)
    return {key: Slot(key, tuple(found)) for key, found in tasks.items()}


def numbers(spec: ServiceSpec) -> Iterator[int]:
    """Every slot of a replicated service, in the order they are used: pinned ones, then from 1."""
    yield from spec.pins
    slot = 0
    while True:
        slot += 1
        if slot not in spec.pins:
            yield slot
