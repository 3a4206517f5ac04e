"""Puts frames and rule hits of one packet into one order.

Frames have times, of one clock for all namespaces, and no two are the same but those of a bridge's port and the bridge
itself, which the kernel hands up unchanged; within a namespace they come in order. Hits come in order within their
namespace, too, but most have no time: the kernel gives one only to packets that came in from outside. What brings the
two together is where each can be: a rule at PREROUTING, INPUT or FORWARD sees a packet that has come in by the
interface it names, and whatever a rule at OUTPUT or POSTROUTING sees goes out after it.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

from meshnet.path import Hook
from meshnet.trace.event import Event
from meshnet.trace.seen import Hit, Sighting


@dataclass(slots=True)
class _Stretch:
    """A frame and the hits that go with it: before it what it met on its way out, after it what it met coming in."""

    time: int
    events: list[Event] = field(default_factory=list)


def in_order(events: Iterable[Event]) -> list[Event]:
    """All of them in the order in which they happened. They have to be of one packet, one direction, and in the order
    of their arrival within each namespace and kind."""
    places: defaultdict[tuple[object, bool], list[Event]] = defaultdict(list)
    for event in events:
        places[event.at, event.carried].append(event)
    stretches = [stretch for here in places.values() for stretch in _stretches(here)]
    stretches.sort(key=lambda stretch: stretch.time)  # stable: ties stay in the order of their namespace
    return [event for stretch in stretches for event in stretch.events]


def _stretches(events: Sequence[Event]) -> list[_Stretch]:
    """Those of one namespace and one layer, in order. Hits without any frame are a packet that was stopped where it
    began, which is after all else."""
    frames = [event for event in events if isinstance(event.seen, Sighting)]
    hits = deque(event for event in events if isinstance(event.seen, Hit))
    if not frames:
        return [_Stretch(_LAST, list(hits))]
    stretches: list[_Stretch] = []
    came_in: set[str] = set()
    leading = _fitting(hits, came_in, frames[0])
    for frame, following in zip_longest(frames, frames[1:]):
        assert isinstance(frame.seen, Sighting)
        stretch = _Stretch(frame.seen.time, [*leading, frame])
        leading = []
        if not frame.seen.direction.out:
            came_in.add(frame.seen.interface)
        stretch.events += _fitting(hits, came_in, following)
        stretches.append(stretch)
    stretches[-1].events += hits
    return stretches


def _fitting(hits: deque[Event], came_in: set[str], following: Event | None) -> list[Event]:
    """Take those off ``hits`` that can have happened before the frame that follows. What a bridge passes on meets its
    last rules just before it leaves by its port: a frame may be seen on the bridge itself before."""
    taken: list[Event] = []
    while hits:
        seen = hits[0].seen
        assert isinstance(seen, Hit)
        if _awaited(seen) not in (*came_in, "") or (following and not _leaves_by(following, seen.physical_out)):
            break
        taken.append(hits.popleft())
    return taken


def _leaves_by(frame: Event, port: str) -> bool:
    """Whether that is a frame on its way out by ``port``; of no port, any is."""
    return port in ("", frame.seen.interface if isinstance(frame.seen, Sighting) else "")


def _awaited(hit: Hit) -> str:
    """The interface that the packet has to have come in by. A bridge's frames meet PREROUTING at the port they came in
    by, and FORWARD too, unless they have gone up to be routed."""
    match hit.hook:
        case Hook.PREROUTING:
            return hit.physical_in or hit.in_interface
        case Hook.INPUT:
            return hit.in_interface
        case Hook.FORWARD:
            return hit.physical_in if hit.physical_out else hit.in_interface
    return ""


_LAST = 1 << 63
