"""Which way each packet of an exchange went."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from meshnet.path import Packet
from meshnet.trace.decode import ECHOES
from meshnet.trace.event import Event
from meshnet.trace.seen import Sighting

_OPENING = "S"
_Ends = tuple[object, object, object, object]


@dataclass(frozen=True, slots=True)
class Directions:
    forth: list[Event] = field(default_factory=list)
    back: list[Event] = field(default_factory=list)


def directions(events: Iterable[Event]) -> Directions:
    """Part what goes forth from what comes back, in the order given.

    TCP and ICMP say it themselves. Otherwise: whatever goes between two ends between which something has gone the other
    way before, comes back; wherever a request was translated, its answer is translated as well.
    """
    kept = list(events)
    frames = sorted((each for each in kept if isinstance(each.seen, Sighting)), key=_time)
    hits = [each for each in kept if not isinstance(each.seen, Sighting)]
    gone: set[_Ends] = set()
    returning = {id(event) for event in (*frames, *hits) if _comes_back(event.packet.innermost, gone)}
    ways = Directions()
    for event in kept:
        (ways.back if id(event) in returning else ways.forth).append(event)
    return ways


def _comes_back(packet: Packet, gone: set[_Ends]) -> bool:
    if packet.protocol == "tcp":
        return packet.kind != _OPENING
    if packet.protocol == "icmp":
        return packet.kind != ECHOES[0]
    if (packet.destination, packet.destination_port, packet.source, packet.source_port) in gone:
        return True
    gone.add((packet.source, packet.source_port, packet.destination, packet.destination_port))
    return False


def _time(event: Event) -> int:
    assert isinstance(event.seen, Sighting)
    return event.seen.time
