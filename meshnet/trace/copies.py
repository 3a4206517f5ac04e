"""Frames that a bridge flooded since it had not learned where to: copies that nobody takes."""

from __future__ import annotations

from collections.abc import Sequence

from meshnet.netstate import Link, Veth, Vxlan
from meshnet.netstate.world import World
from meshnet.trace.event import Event
from meshnet.trace.seen import Direction, Hit, Sighting


def without_copies(world: World, events: Sequence[Event]) -> tuple[list[Event], int]:
    """The events, in their order, less those of copies; and how many copies there were."""
    dead: set[int] = set()
    copies = 0
    for number, event in enumerate(events):
        if _is_ignored(world, event):
            dead |= {number, *_sent_as(world, events, number)}
            copies += 1
        elif _leads_nowhere(world, event) and (number + 1 < len(events) or _left_otherwise(world, events, number)):
            dead.add(number)
            copies += 1
    ports = {(events[number].at, _port(events[number])) for number in dead}
    kept = [event for number, event in enumerate(events) if number not in dead]
    return [event for event in kept if (event.at, _port_to_be(event)) not in ports], copies


def _port(event: Event) -> str:
    """The interface that a frame left by; of others none that there is."""
    return event.seen.interface if isinstance(event.seen, Sighting) and _goes_out(event) else "?"


def _port_to_be(event: Event) -> str:
    """The port that a bridge's frame is to leave by, when it meets a rule before that: each copy does by itself."""
    return event.seen.physical_out if isinstance(event.seen, Hit) else ""


def _is_ignored(world: World, event: Event) -> bool:
    """Whether it is a frame for another machine, on an interface that bridges nothing."""
    seen = event.seen
    if not isinstance(seen, Sighting) or seen.direction is not Direction.OTHER_HOST:
        return False
    link = _link(world, event)
    return link is not None and link.master is None


def _sent_as(world: World, events: Sequence[Event], number: int) -> list[int]:
    """The sighting of the same copy at the other end of its cable, just before."""
    link = _link(world, events[number])
    if link is None or not isinstance(link.kind, Veth):
        return []
    for before in range(number - 1, -1, -1):
        seen = events[before].seen
        if isinstance(seen, Sighting) and (seen.at, seen.interface) == (link.kind.peer_namespace, link.kind.peer):
            return [before]
    return []


def _leads_nowhere(world: World, event: Event) -> bool:
    """Whether it was flooded to a VXLAN device that knows no VTEP for it."""
    link = _link(world, event)
    if link is None or not isinstance(link.kind, Vxlan):
        return False
    seen = event.seen
    assert isinstance(seen, Sighting)
    known = {entry.mac for entry in world.states[event.at].fdb if entry.link == seen.interface}
    return seen.direction.out and event.packet.destination_mac not in known


def _left_otherwise(world: World, events: Sequence[Event], number: int) -> bool:
    """Whether the frame had left its bridge by another port as well."""
    flooded = events[number]
    bridge = _master(world, flooded)
    return any(_master(world, each) == bridge and each.at == flooded.at for each in events[:number] if _goes_out(each))


def _goes_out(event: Event) -> bool:
    return isinstance(event.seen, Sighting) and event.seen.direction.out


def _master(world: World, event: Event) -> str:
    """The bridge that the interface is a port of; empty for none."""
    link = _link(world, event)
    return (link.master or "") if link is not None else ""


def _link(world: World, event: Event) -> Link | None:
    if not isinstance(event.seen, Sighting) or event.at not in world.states:
        return None
    return world.states[event.at].links.get(event.seen.interface)
