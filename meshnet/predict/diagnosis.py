"""Finds out what stands in the way of flows: on paper, by putting right one thing after another.

Where a packet ends says little of why: a rule that is missing on a node lets it die in the sandbox behind. So each
difference between what namespaces hold and what they should is put right alone; those with which the flow works again
are the cause. Where it takes several, as few are looked for as will do. Where none is of use, or nobody knows what
should be there, the place where the packet ends has to do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass, replace
from itertools import groupby

from meshnet.errors import NotTaughtError
from meshnet.netstate import NamespaceRef
from meshnet.netstate.world import World
from meshnet.path import Cause, Hop, Journey, Probe, Verdict, Why
from meshnet.predict.differences import Difference, States, differences, put_right
from meshnet.predict.flows import Flow
from meshnet.predict.prediction import predict

__all__ = ["Diagnosis", "Finding", "Judge", "States", "end_of", "works"]

_REPAIR = "meshnet repair"
_UNKNOWN = Cause(Why.UNKNOWN)
_OF_LINKS = ("links", "addresses", "routes", "neighbours", "fdb")
"""What goes with an interface that goes, or that goes down."""


@dataclass(frozen=True, slots=True)
class Finding:
    """``at`` is where to look, ``cause`` what is wrong; ``affects`` names the flows it stops, of which ``probe`` tries
    one and ``journey`` shows it."""

    at: NamespaceRef
    cause: Cause
    affects: tuple[str, ...]
    probe: Probe
    journey: Journey


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """``working`` are the flows that nothing stands in the way of; ``untaught`` has those that could not be judged,
    each with a sentence why; ``drift`` is all that is otherwise than it should be, a line each, whether or not it stops
    anything."""

    findings: tuple[Finding, ...]
    working: tuple[Flow, ...]
    untaught: tuple[tuple[Flow, str], ...] = ()
    drift: tuple[str, ...] = ()


class Judge:
    """Judges flows in one world. ``wanted`` is what namespaces should hold, as far as somebody says so, and what a
    repair puts there again; ``ground`` what is under it, which no repair touches."""

    def __init__(self, world: World, wanted: States, ground: States | None = None) -> None:
        repairable = (_repairable(difference) for difference in differences(world.states, wanted))
        self._paper = _Paper(world, (*repairable, *differences(world.states, ground or {})))
        self._found: dict[tuple[NamespaceRef, Cause], Finding] = {}

    def judge(self, flows: Iterable[Flow], *, every_path: bool = False) -> Diagnosis:
        """Every flow, by each real server that it may come to, and of equal-cost paths by one that stands for all, or
        by ``every_path``. The findings are all so far."""
        working: list[Flow] = []
        untaught: list[tuple[Flow, str]] = []
        paper = self._paper.by_every_path() if every_path else self._paper
        for flow in flows:
            try:
                findings = list(_findings(paper, flow))
            except NotTaughtError as error:
                untaught.append((flow, str(error)))
                continue
            if not findings:
                working.append(flow)
            for finding in findings:
                self._add(finding)
        drift = (f"{each.at}: {each.cause.text}" for each in self._paper.differences)
        return Diagnosis(tuple(self._found.values()), tuple(working), tuple(untaught), tuple(drift))

    def _add(self, finding: Finding) -> None:
        known = self._found.get((finding.at, finding.cause), finding)
        affects = tuple(dict.fromkeys((*known.affects, *finding.affects)))
        self._found[finding.at, finding.cause] = replace(known, affects=affects)


def _repairable(difference: Difference) -> Difference:
    mend = " - or: ".join(filter(None, (difference.cause.mend, _REPAIR)))
    return replace(difference, cause=replace(difference.cause, mend=mend))


def works(flow: Flow, journey: Journey) -> bool:
    """Whether the request came to where it was to go, and the answer back."""
    end = journey.request.end
    arrived = end is not None and end.verdict is Verdict.DELIVERED and end.at in flow.ends
    return arrived and (journey.reply is None or journey.reply.verdict is Verdict.DELIVERED)


def end_of(journey: Journey) -> Hop:
    """Where a journey ended: the request's last hop, or if that came there, its answer's."""
    request = journey.request
    answer = journey.reply if request.verdict is Verdict.DELIVERED else None
    lost = answer is not None and answer.verdict is not Verdict.DELIVERED
    return answer.hops[-1] if answer is not None and lost else request.hops[-1]


Some = frozenset[int]
"""Some of the differences, by number."""


class _Paper:
    """The world as it is, and as it would be with some of its ``differences`` put right."""

    def __init__(self, world: World, there: tuple[Difference, ...]) -> None:
        self.differences = there
        self.all: Some = frozenset(range(len(there)))
        self._hashed = True
        self._worlds: dict[Some, World] = {frozenset(): world}
        self._known: list[Some] = []

    def by_every_path(self) -> _Paper:
        """The same, on which flows may take each of equal-cost paths."""
        other = copy(self)
        other._hashed = False
        return other

    def failing(self, flow: Flow, mended: Some) -> tuple[float, list[Journey]]:
        """The share of its ways on which a flow fails, and those. Raises ``NotTaughtError``."""
        if mended not in self._worlds:
            world = self._worlds[frozenset()]
            self._worlds[mended] = replace(world, states=put_right(world.states, (self.differences[n] for n in mended)))
        ways = predict(self._worlds[mended], flow.probe, reply=True, hashed=self._hashed)
        journeys = [each.journey for each in ways]
        failing = [journey for journey in journeys if not works(flow, journey)]
        return len(failing) / len(journeys), failing

    def share(self, flow: Flow, mended: Some) -> float:
        """The share alone; what can't be judged is as bad as what fails."""
        try:
            return self.failing(flow, mended)[0]
        except NotTaughtError:
            return 1.0

    def culprits(self, flow: Flow) -> Iterator[Some]:
        """What, put right, lets the flow work as well as it would if all were right: what did so for another if that is
        enough, else each difference that alone is of use, else as few as will do."""
        share, best = self.share(flow, frozenset()), self.share(flow, self.all)
        for known in self._known:
            if best < share and self.share(flow, known) == best:
                yield known
                return
        alone = [one for one in self._each(self.all) if self.share(flow, one) < share]
        found = alone or ([self._needed(flow, best)] if best < share else [])
        self._known.extend(each for each in found if each not in self._known)
        yield from found

    def _needed(self, flow: Flow, best: float) -> Some:
        """All differences less those without which it is as good: whole namespaces first."""
        kept = self.all
        for _, group in groupby(sorted(self.all), key=lambda number: self.differences[number].at):
            kept = self._less(flow, kept, frozenset(group), best)
        for one in self._each(kept):
            kept = self._less(flow, kept, one, best)
        return kept

    def _less(self, flow: Flow, kept: Some, some: Some, best: float) -> Some:
        return kept - some if self.share(flow, kept - some) <= best else kept

    @staticmethod
    def _each(some: Some) -> list[Some]:
        return [frozenset({number}) for number in sorted(some)]


def _findings(paper: _Paper, flow: Flow) -> Iterator[Finding]:
    """What is otherwise than it should be and stops the flow; and what would stop it even if all that were right."""
    _, failing = paper.failing(flow, frozenset())
    if not failing:
        return
    culprits = list(paper.culprits(flow))
    for some in culprits:
        for at, cause in _causes([paper.differences[number] for number in sorted(some)]):
            yield Finding(at, cause, (flow.name,), flow.probe, failing[0])
    left = paper.failing(flow, paper.all)[1] if culprits else failing
    ends = {_end(flow, journey): journey for journey in left}
    for (at, cause), journey in ends.items():
        yield Finding(at, cause, (flow.name,), flow.probe, journey)


def _causes(culprits: Sequence[Difference]) -> Iterator[tuple[NamespaceRef, Cause]]:
    """With an interface goes what was on it, and that's one thing; so are the rules of a namespace."""
    links = {(each.at, each.link) for each in culprits if each.kind == "links"}

    def thing(each: Difference) -> tuple[str, str]:
        of_link = each.kind in _OF_LINKS and (each.at, each.link) in links
        return str(each.at), each.link if of_link else each.kind

    for _, group in groupby(sorted(culprits, key=thing), key=thing):
        first, *others = sorted(group, key=lambda each: each.kind != "links")
        yield first.at, first.cause if first.kind == "links" else _joined([first.cause, *(it.cause for it in others)])


def _joined(causes: Sequence[Cause]) -> Cause:
    texts = "; ".join(cause.text for cause in causes)
    return Cause(causes[0].why, texts, causes[0].mend if len(causes) == 1 else _REPAIR)


def _end(flow: Flow, journey: Journey) -> tuple[NamespaceRef, Cause]:
    end = end_of(journey)
    if end.verdict is Verdict.DELIVERED:
        return end.at, Cause(Why.SOCKET, f"a socket of {end.at} takes what {flow.name} is to bring elsewhere")
    return end.at, end.cause or _UNKNOWN
