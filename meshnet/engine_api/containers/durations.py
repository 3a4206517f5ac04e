"""Lengths of time as Docker's client and engine write them: ``Up 3 seconds``, ``Exited (137) 2 minutes ago``."""

from __future__ import annotations

from meshnet.model import SECOND


def human(nanoseconds: int) -> str:
    """A length of time, roughly, as docker/go-units' ``HumanDuration`` has it."""
    seconds = nanoseconds // SECOND
    minutes = seconds // 60
    hours = (seconds + 1800) // 3600
    if seconds < 1:
        return "Less than a second"
    if seconds == 1:
        return "1 second"
    if seconds < 60:
        return f"{seconds} seconds"
    if minutes == 1:
        return "About a minute"
    if minutes < 60:
        return f"{minutes} minutes"
    if hours == 1:
        return "About an hour"
    if hours < 48:
        return f"{hours} hours"
    if hours < 24 * 7 * 2:
        return f"{hours // 24} days"
    if hours < 24 * 30 * 2:
        return f"{hours // 24 // 7} weeks"
    if hours < 24 * 365 * 2:
        return f"{hours // 24 // 30} months"
    return f"{hours // 24 // 365} years"
