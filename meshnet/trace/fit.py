"""Holds what was seen against what was predicted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import zip_longest

from meshnet.path import Difference, Hop, Journey, Path, first_difference
from meshnet.path.trace import Direction, Parting


@dataclass(frozen=True, slots=True)
class Fit:
    """The prediction that comes closest, and where what was seen parts from it, if it does."""

    predicted: Journey
    direction: Direction = "request"
    difference: Difference | None = None

    @property
    def parting(self) -> Parting | None:
        return Parting(self.direction, self.difference) if self.difference else None


def fit(observed: Journey, predicted: Iterable[Journey]) -> Fit | None:
    """The best of ``predicted``; None where there is none. A reply counts where one was predicted. After one that
    agrees, no more are asked for."""
    best: Fit | None = None
    for journey in predicted:
        fitting = _compared(journey, observed)
        if best is None or _closeness(fitting) > _closeness(best):
            best = fitting
        if best.difference is None:
            break
    return best


def annotated(observed: Journey, predicted: Journey) -> Journey:
    """``observed`` with the causes that the prediction names, for as long as the two agree; so it says why a packet was
    lost, too, if the prediction has it end there."""
    reply = observed.reply
    if reply is not None and predicted.reply is not None:
        reply = _annotated(reply, predicted.reply)
    return Journey(_annotated(observed.request, predicted.request), reply)


def _compared(predicted: Journey, observed: Journey) -> Fit:
    difference = first_difference(predicted.request, observed.request)
    if difference is not None or predicted.reply is None:
        return Fit(predicted, "request", difference)
    reply = observed.reply or Path(observed.request.source, ())
    return Fit(predicted, "reply", first_difference(predicted.reply, reply))


def _closeness(fitting: Fit) -> tuple[bool, bool, int]:
    difference = fitting.difference
    return difference is None, fitting.direction == "reply", difference.number if difference else 0


def _annotated(observed: Path, predicted: Path) -> Path:
    hops: list[Hop] = []
    agree = True
    for seen, said in zip_longest(observed.hops, predicted.hops):
        if seen is None:
            break
        agree = agree and said is not None and said.agrees(seen)
        hops.append(replace(seen, cause=said.cause) if agree and said.cause else seen)
    return replace(observed, hops=tuple(hops))
