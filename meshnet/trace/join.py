"""Joins what was seen of a probe, and of what answered it, into a journey."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from ipaddress import IPv4Address

from meshnet.netstate import NetState
from meshnet.netstate.world import Listener, World
from meshnet.path import Hop, Journey, Packet, Path, Source, Stage, Verdict
from meshnet.trace.copies import without_copies
from meshnet.trace.decode import ECHOES
from meshnet.trace.directions import Directions, directions
from meshnet.trace.event import Event
from meshnet.trace.narrate import last_packet, narrate, servers_of
from meshnet.trace.order import in_order
from meshnet.trace.seen import Hit, Sighting
from meshnet.trace.sent import Sent

REFUSALS = ("R", "RA", "abort", "port-unreachable", "protocol-unreachable")
"""Answers by which a host says that nobody listens."""

_LOOPBACK = 127


def join(world: World, sent: Sent, seen: Iterable[Sighting | Hit], *, answered: bool) -> Journey:
    """The journey of the probe, and of the first packet that answered it. ``seen`` is all that was, each namespace's
    frames and each namespace's hits in the order of their arrival; ``answered`` says whether the socket heard of an
    answer. ``world`` says what rules there are and who listens."""
    ways = _ways(seen, sent)
    forth, copies = without_copies(world, in_order(ways.forth))
    back, more = without_copies(world, in_order(ways.back))
    first = Hop(sent.at, Stage.SEND, sent.packet)
    hops = [first, *narrate(world, forth)]
    request = _path([*hops, *_end_of_request(world, hops[-1], forth, back)], copies)
    if not back:
        return Journey(request)
    start = Hop(back[0].at, Stage.SEND, replace(back[0].packet.unframed, mark=back[0].packet.mark or 0))
    answer = [start, *narrate(world, back)]
    return Journey(request, _path([*answer, *_end_of_reply(world, answer[-1], back, sent, answered)], more))


def _ways(seen: Iterable[Sighting | Hit], sent: Sent) -> Directions:
    events = [event for event in map(_event, seen) if event is not None]
    return directions([event for event in events if sent.signature.marks(event.packet, event.data)], sent.packet)


def _event(seen: Sighting | Hit) -> Event | None:
    return Event.of_sighting(seen) if isinstance(seen, Sighting) else Event.of_hit(seen)


def _path(hops: Sequence[Hop], copies: int) -> Path:
    return Path(Source.OBSERVED, tuple(hops), copies)


def _end_of_request(world: World, last: Hop, forth: Sequence[Event], back: Sequence[Event]) -> list[Hop]:
    """Nothing where a rule ended it. It was delivered if it came to its address, and was answered there, or a socket
    is there which need not answer."""
    if last.verdict is not Verdict.PASSES:
        return []
    if not forth:
        return [replace(last, stage=Stage.STOP, verdict=Verdict.DROPPED)]
    packet, at = last_packet(world, forth), forth[-1].at
    if _has_arrived(world, forth):
        if back and back[0].at == at:
            return [_answered(last, packet, back[0].packet)]
        if packet.protocol != "tcp" and _is_served(world, forth[-1], packet):
            return [_delivered(last, packet)]
    return [Hop(at, Stage.STOP, packet, verdict=Verdict.DROPPED)]


def _end_of_reply(world: World, last: Hop, back: Sequence[Event], sent: Sent, answered: bool) -> list[Hop]:
    """What the socket heard is known: it asked one address, and that is where the answer came from, whatever the last
    frame of it said. Where the socket's own namespace balances, that was IPVS's doing, which nothing shows."""
    if last.verdict is not Verdict.PASSES:
        return []
    packet = last_packet(world, back)
    if not answered or back[-1].at != sent.at:
        return [Hop(back[-1].at, Stage.STOP, packet, verdict=Verdict.DROPPED)]
    heard = _as_heard(packet, sent.packet)
    if heard.source != packet.source and packet.source in servers_of(world.states.get(sent.at, NetState())):
        return [Hop(sent.at, Stage.IPVS, heard), _delivered(last, heard)]
    return [_delivered(last, heard)]


def _as_heard(packet: Packet, asked: Packet) -> Packet:
    """The answer ``packet``, from whom ``asked`` went to; an ICMP error of another protocol is what it is."""
    if packet.protocol != asked.protocol:
        return packet
    return replace(
        packet,
        source=asked.destination,
        source_port=asked.destination_port,
        destination=asked.source,
        destination_port=asked.source_port,
    )


def _delivered(last: Hop, packet: Packet) -> Hop:
    return Hop(last.at, Stage.DELIVER, packet, verdict=Verdict.DELIVERED)


def _answered(last: Hop, packet: Packet, answer: Packet) -> Hop:
    """How ``packet`` ended where it was answered so."""
    if answer.kind in REFUSALS:
        return Hop(last.at, Stage.STOP, packet, verdict=Verdict.REFUSED)
    if answer.protocol == "icmp" and answer.kind not in ECHOES:
        return Hop(last.at, Stage.STOP, packet, verdict=Verdict.DROPPED)
    return _delivered(last, packet)


def _has_arrived(world: World, events: Sequence[Event]) -> bool:
    last = events[-1]
    goes_out = isinstance(last.seen, Sighting) and last.seen.direction.out
    state = world.states.get(last.at, NetState())
    return not goes_out and _is_local(state, last_packet(world, events).destination)


def _is_local(state: NetState, address: IPv4Address) -> bool:
    return address.packed[0] == _LOOPBACK or any(address == each.interface.ip for each in state.addresses)


def _is_served(world: World, last: Event, packet: Packet) -> bool:
    """Whether a socket waits for it, as far as somebody looked."""
    if world.listeners is None:
        return True
    wanted = packet.protocol, packet.destination_port
    there = world.listeners.get(last.at, frozenset[Listener]())
    return any((each.protocol, each.port) == wanted and each.address in (None, packet.destination) for each in there)
