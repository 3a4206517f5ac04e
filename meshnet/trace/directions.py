"""Which way each packet of an exchange went."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from meshnet.path import Packet
from meshnet.trace.decode import ECHOES
from meshnet.trace.event import Event
from meshnet.trace.seen import Sighting

_OPENING = {"tcp": "S", "sctp": "init", "icmp": ECHOES[0]}
_Ends = tuple[object, object, object, object]


@dataclass(frozen=True, slots=True)
class Directions:
    forth: list[Event] = field(default_factory=list)
    back: list[Event] = field(default_factory=list)


def directions(events: Iterable[Event], sent: Packet) -> Directions:
    """Part what goes forth from what comes back, in the order given. ``sent`` is the request as its socket sent it.

    TCP, SCTP and ICMP say it themselves. Of others, the port that the request was sent from stays with its sender,
    unless it was taken on the way. Where it doesn't tell, whatever goes between two ends between which something has
    gone the other way before, comes back; wherever a request was translated, its answer is translated as well.
    """
    kept = list(events)
    frames = sorted((each for each in kept if isinstance(each.seen, Sighting)), key=_time)
    hits = [each for each in kept if not isinstance(each.seen, Sighting)]
    gone = {_ends(sent)}
    returning = {id(event) for event in (*frames, *hits) if _comes_back(event.packet.innermost, gone, sent)}
    ways = Directions()
    for event in kept:
        (ways.back if id(event) in returning else ways.forth).append(event)
    return ways


def _comes_back(packet: Packet, gone: set[_Ends], sent: Packet) -> bool:
    if packet.protocol in _OPENING:
        return packet.kind != _OPENING[packet.protocol]
    if packet.source_port != packet.destination_port and sent.source_port in (
        packet.source_port,
        packet.destination_port,
    ):
        return packet.destination_port == sent.source_port
    if (packet.destination, packet.destination_port, packet.source, packet.source_port) in gone:
        return True
    gone.add(_ends(packet))
    return False


def _ends(packet: Packet) -> _Ends:
    return packet.source, packet.source_port, packet.destination, packet.destination_port


def _time(event: Event) -> int:
    assert isinstance(event.seen, Sighting)
    return event.seen.time
