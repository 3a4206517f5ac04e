"""Time in the model: whole nanoseconds, since the epoch (UTC) for an instant. Docker's own unit, and exact."""

from __future__ import annotations

MILLISECOND = 1_000_000
SECOND = 1_000_000_000
MINUTE = 60 * SECOND
"""Lengths of time, in nanoseconds."""
