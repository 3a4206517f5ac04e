"""What the swarm keeps about each of its objects."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Meta:
    """``version`` is that of the cluster state the object last changed in (``Version.Index`` in Docker's API); whoever
    changes an object says which version they saw. ``created`` and ``updated`` are instants in nanoseconds."""

    version: int = 0
    created: int = 0
    updated: int = 0
