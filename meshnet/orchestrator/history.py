"""How much is kept of tasks that are over: so many a slot, with the one that runs.

swarmkit manager/orchestrator/taskreaper: ``docker swarm update --task-history-limit``, or where a service limits
restarts as many tasks as it takes to count them. The last of a slot stays whatever the limit: it says that the slot is
done with.
"""

from __future__ import annotations

from meshnet.model import Task
from meshnet.model.swarm import SwarmSpec
from meshnet.orchestrator import slots
from meshnet.orchestrator.draft import Draft
from meshnet.orchestrator.slots import Slot


def reap(draft: Draft) -> None:
    """Forget the oldest of what is over, wherever there is more than is to be kept."""
    spec = draft.swarm.spec if draft.swarm else SwarmSpec()
    for service in draft.services.values():
        for slot in slots.of(draft, service).values():
            for task in _surplus(slot, spec.history):
                del draft.tasks[task.id]


def _surplus(slot: Slot, limit: int) -> list[Task]:
    attempts = slot.tasks[-1].spec.restart_policy.max_attempts
    limit = attempts + 1 if attempts else limit
    if limit < 0 or len(slot.tasks) <= limit:
        return []
    over = [task for task in slot.tasks[:-1] if task.ended and not task.wanted]
    return over[: len(slot.tasks) - limit]
