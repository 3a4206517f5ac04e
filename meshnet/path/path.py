"""The way of one packet through the namespaces, and of what came back."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from itertools import zip_longest

from meshnet.path.hop import Hop, Verdict


class Source(StrEnum):
    PREDICTED = "predicted"
    OBSERVED = "observed"


@dataclass(frozen=True, slots=True)
class Difference:
    """The first hop at which two paths part: its number from 0, and what each has there, None where it has ended."""

    number: int
    predicted: Hop | None
    observed: Hop | None


@dataclass(frozen=True, slots=True)
class Path:
    """Hops in order. ``copies`` are frames that a bridge flooded on the way and nobody took."""

    source: Source
    hops: tuple[Hop, ...]
    copies: int = 0

    @property
    def verdict(self) -> Verdict:
        """How it ended. A path without a hop was dropped before anybody saw it."""
        return self.hops[-1].verdict if self.hops else Verdict.DROPPED

    @property
    def end(self) -> Hop | None:
        return self.hops[-1] if self.hops else None


@dataclass(frozen=True, slots=True)
class Journey:
    """A request, and the first packet that answered it, if one did."""

    request: Path
    reply: Path | None = None


def first_difference(predicted: Path, observed: Path) -> Difference | None:
    """Where the two part, or None: they agree hop by hop."""
    for number, (one, other) in enumerate(zip_longest(predicted.hops, observed.hops)):
        if one is None or other is None or not one.agrees(other):
            return Difference(number, one, other)
    return None
