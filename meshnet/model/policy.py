"""How a service is restarted and updated: what its spec may say, and Docker's defaults (docker-swarm-facts 4.1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from meshnet.model.clock import SECOND
from meshnet.model.ids import NodeId, TaskId


class RestartCondition(StrEnum):
    NONE = "none"
    ON_FAILURE = "on-failure"
    ANY = "any"


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """When a task that ended is replaced. ``delay`` and ``window`` are nanoseconds; ``max_attempts`` 0 is no limit, and
    a ``window`` of 0 counts every attempt there ever was."""

    condition: RestartCondition = RestartCondition.ANY
    delay: int = 5 * SECOND
    max_attempts: int = 0
    window: int = 0


class FailureAction(StrEnum):
    PAUSE = "pause"
    CONTINUE = "continue"
    ROLLBACK = "rollback"


class UpdateOrder(StrEnum):
    STOP_FIRST = "stop-first"
    START_FIRST = "start-first"


@dataclass(frozen=True, slots=True)
class UpdateConfig:
    """How tasks are replaced when the service changes. ``parallelism`` 0 is all at once; ``delay`` and ``monitor`` are
    nanoseconds; ``max_failure_ratio`` is from 0 to 1."""

    parallelism: int = 1
    delay: int = 0
    failure_action: FailureAction = FailureAction.PAUSE
    monitor: int = 5 * SECOND
    max_failure_ratio: float = 0.0
    order: UpdateOrder = UpdateOrder.STOP_FIRST


class UpdateState(StrEnum):
    """``UpdateStatus.State`` of a service."""

    UPDATING = "updating"
    PAUSED = "paused"
    COMPLETED = "completed"
    ROLLBACK_STARTED = "rollback_started"
    ROLLBACK_PAUSED = "rollback_paused"
    ROLLBACK_COMPLETED = "rollback_completed"


@dataclass(frozen=True, slots=True)
class UpdateStatus:
    """How far a service's update or rollback has come; instants in nanoseconds, ``completed`` None while it goes on."""

    state: UpdateState
    started: int
    completed: int | None = None
    message: str = ""


@dataclass(frozen=True, slots=True)
class Rollout:
    """What the updater remembers of an update or rollback that goes on.

    ``total`` is how many slots were to be replaced as it began, ``begun`` those it has come to (a global service's are
    nodes). ``made`` are its new tasks and the instant each ran or ended, None while it is waited for. ``resting`` holds
    an instant for each worker that waits before its next slot, ``failed`` which of ``made`` ended too early.
    ``monitor_until`` is set once the last slot is done.
    """

    total: int
    begun: frozenset[int | NodeId] = frozenset()
    made: Mapping[TaskId, int | None] = field(default_factory=dict)
    resting: tuple[int, ...] = ()
    failed: frozenset[TaskId] = frozenset()
    monitor_until: int | None = None
