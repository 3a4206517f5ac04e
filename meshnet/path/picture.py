"""A journey as lines for people: a column for each depth of namespace, a line for each thing that happened.

Lines are made of pieces of text with a style each, so that a terminal shows colour and a pipe none; the styles are
rich's. What is hidden unless somebody asks for all: jumps and RETURNs, which lead to what is shown, and every frame but
those at both ends of a stretch within a namespace.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from meshnet.netstate import NamespaceRef
from meshnet.path.changes import changes
from meshnet.path.hop import Hop, Stage, Verdict, Why
from meshnet.path.path import Journey, Path, Source
from meshnet.path.trace import Trace

Piece = tuple[str, str]
Line = tuple[Piece, ...]
Names = Mapping[NamespaceRef, str]

_PLACE = "bold cyan"
_RULE = "yellow"
_CHANGE = "bold"
_CAUSE = "dim"
_GOOD = "bold green"
_BAD = "bold red"

_LABEL = 34
"""Columns for what happened; what it changed comes after it."""

_QUIET_TARGETS = ("RETURN",)
_ARROWS = {Stage.OUT: "→", Stage.IN: "←"}
_ENDS = {
    Verdict.DELIVERED: ("delivered", _GOOD),
    Verdict.DROPPED: ("dropped", _BAD),
    Verdict.REFUSED: ("refused", _BAD),
    Verdict.PASSES: ("not seen any more", _BAD),
}


def picture(trace: Trace, *, everything: bool = False, answers: bool = True) -> Iterator[Line]:
    """All there is to show of a trace: what was seen, or without that all that was predicted."""
    for note in trace.notes:
        yield ((f"note: {note}", "yellow"),)
    for ref, count in trace.lost.items():
        yield ((f"{count} frames or rule hits of {ref} were lost: there may be gaps", _BAD),)
    journeys = (trace.observed,) if trace.observed is not None else trace.predicted
    for number, journey in enumerate(journeys, 1):
        if len(journeys) > 1:
            yield ((f"{'' if number == 1 else chr(10)}way {number} of {len(journeys)}", "bold"),)
        yield from of_journey(journey, trace.names, everything=everything, answers=answers)
    yield from _comparison(trace)


def of_journey(journey: Journey, names: Names, *, everything: bool = False, answers: bool = True) -> Iterator[Line]:
    """The request, and its answer."""
    for name, path in (("request", journey.request), ("answer", journey.reply if answers else None)):
        if path is not None:
            yield ((name, "bold underline"), (f"  {path.source.value}", _CAUSE))
            yield from of_path(path, names, everything=everything)


def of_path(path: Path, names: Names, *, everything: bool = False) -> Iterator[Line]:
    """Its hops under their namespaces, and how it ended. ``names`` are what people call a namespace."""
    shown = [step for step in _steps(path.hops, everything) if everything or not step.is_quiet]
    start = next((hop.time for hop in path.hops if hop.time is not None), None)
    before: Hop | None = None
    for at, steps in groupby(shown, key=lambda step: step.last.at):
        indent = _indent(_depth(at.file))
        yield ((f"{indent}{at}", _PLACE), (f"  {names[at]}" if at in names else "", _CAUSE))
        for step in steps:
            yield _line(step, before, indent, start)
            before = step.last
    if path.copies:
        yield ((f"  ({path.copies} flooded copies that nobody took)", _CAUSE),)
    yield from _ending(path)


def hop_line(hop: Hop, before: Hop | None = None) -> str:
    """One hop as one line of plain text."""
    return "".join(text for text, _ in ((f"{hop.at}  ", ""), *_line(_Step((hop,)), before, "", None))).rstrip()


def _depth(file: str) -> int:
    """How deep a namespace lies: a machine's own at 0, those inside it at 1."""
    return 1 if file else 0


@dataclass(frozen=True, slots=True)
class _Step:
    """What one line shows: a hop, or frames that follow one another in one namespace."""

    hops: tuple[Hop, ...]

    @property
    def last(self) -> Hop:
        return self.hops[-1]

    @property
    def is_quiet(self) -> bool:
        rule = self.last.rule
        if rule is None or self.last.verdict is not Verdict.PASSES:
            return False
        words = rule.text.split()
        target = next((words[at + 1] for at, word in enumerate(words[:-1]) if word in ("-j", "-g")), "")
        return target in _QUIET_TARGETS or _is_a_users_chain(target)


def _is_a_users_chain(target: str) -> bool:
    """Jumps lead to what comes next. Docker's chains are named so, and Kubernetes's."""
    return "-" in target or target == "DOCKER"


def _steps(hops: Sequence[Hop], everything: bool) -> Iterator[_Step]:
    for (_, frames), group in groupby(hops, key=lambda hop: (hop.at, hop.stage in _ARROWS)):
        together = tuple(group)
        yield from [_Step(together)] if frames and not everything else map(_Step, zip(together, strict=True))


def _line(step: _Step, before: Hop | None, indent: str, start: int | None) -> Line:
    hop = step.last
    label, style = _label(step)
    head = f"{indent}  {label}"
    changed = "  ".join(changes(before.packet if before else None, hop.packet))
    because = _because(hop)
    pieces: list[Piece] = [(head.ljust(_LABEL), style)]
    if changed:
        pieces.append((changed, _CHANGE))
    if because:
        pieces.append((because, _CAUSE))
    if start is not None and hop.time is not None:
        pieces.append((f"+{(hop.time - start) / 1000:.0f} µs", _CAUSE))
    return tuple((text if number == 0 else f"  {text}", style) for number, (text, style) in enumerate(pieces))


def _label(step: _Step) -> Piece:
    hop = step.last
    if hop.stage in _ARROWS:
        return " ".join(f"{_ARROWS[each.stage]} {each.interface}" for each in step.hops), ""
    if hop.rule is not None:
        return f"│ {hop.rule}", _RULE if hop.verdict is Verdict.PASSES else _BAD
    if hop.stage is Stage.IPVS:
        return "│ IPVS", _RULE
    if hop.stage is Stage.DELIVER:
        return "● delivered", _GOOD
    if hop.stage is Stage.STOP:
        return f"✗ {_ENDS[hop.verdict][0]}", _BAD
    return "○ send", ""


def _because(hop: Hop) -> str:
    if hop.rule is not None:
        return f"-P {hop.rule.chain} {hop.rule.text}" if hop.rule.number == 0 else hop.rule.text
    if hop.cause is None or hop.cause.why in (Why.VETH, Why.LOOPBACK, Why.SOCKET):
        return ""
    return hop.cause.text


def _ending(path: Path) -> Iterator[Line]:
    """Of a packet that was not delivered: where, why, and what would mend it."""
    end = path.end
    if end is None or end.verdict is Verdict.DELIVERED:
        return
    cause = end.cause
    yield (("  where ", _BAD), (f"{end.at}" + (f" {end.rule}" if end.rule else ""), _CHANGE))
    yield (("  why   ", _BAD), (_why(end), _CHANGE))
    if cause is not None and cause.mend:
        yield (("  mend  ", _BAD), (cause.mend, _CHANGE))


def _why(end: Hop) -> str:
    if end.cause is not None and end.cause.text:
        return end.cause.text
    return "nobody says: it was not seen after this"


def _comparison(trace: Trace) -> Iterator[Line]:
    if trace.observed is None or not trace.predicted:
        return
    if trace.parting is None:
        yield (("as predicted", _GOOD),)
        return
    difference = trace.parting.difference
    way = "the request" if trace.parting.direction == "request" else "the answer"
    yield ((f"{way} parts from what was predicted at its hop {difference.number + 1}:", _BAD),)
    for source, hop in ((Source.PREDICTED, difference.predicted), (Source.OBSERVED, difference.observed)):
        yield ((f"  {source.value:<10}", _CAUSE), (hop_line(hop) if hop else "(it has ended)", _CHANGE))


def plain(lines: Iterable[Line]) -> str:
    """The lines without their styles."""
    return "\n".join("".join(text for text, _ in line).rstrip() for line in lines)


def _indent(depth: int) -> str:
    return "      " * depth
