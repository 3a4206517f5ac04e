"""Instants as the Engine API writes and reads them."""

from __future__ import annotations

from meshnet.lab.workloads.logs import timestamp
from meshnet.model import SECOND

NEVER = "0001-01-01T00:00:00Z"
"""Go's zero time."""


def written(nanoseconds: int) -> str:
    """RFC 3339 with nanoseconds; 0 is never."""
    return timestamp(nanoseconds) if nanoseconds else NEVER


def read(text: str) -> int:
    """Nanoseconds of ``SECONDS[.FRACTION]`` since 1970, to the last digit. Raises ``ValueError``."""
    seconds, _, fraction = text.partition(".")
    if fraction and not fraction.isdecimal():
        raise ValueError(text)
    return int(seconds) * SECOND + int(fraction[:9].ljust(9, "0") if fraction else 0)
