"""Who is on a wire: what a frame reaches through bridges and veths, and where a MAC is.

A bridge knows by having learned; whoever was found by ARP has spoken, so on paper it knows where everybody is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from meshnet.errors import NotTaughtError
from meshnet.netstate import Bridge, Link, Veth, Vxlan
from meshnet.netstate.state import NO_MAC
from meshnet.path import Cause
from meshnet.predict.atlas import Atlas, Place


@dataclass(frozen=True, slots=True)
class Station:
    """An interface that a broadcast comes to; of a VXLAN device, which answers ARP for others, ``proxies`` is true."""

    place: Place
    proxies: bool = False


def stations(atlas: Atlas, place: Place) -> list[Station]:
    """Whom a broadcast sent by ``place``, a veth or a bridge, comes to."""
    seen: set[Place] = {place}
    if isinstance(atlas.link(place).kind, Bridge):
        return list(_flooded(atlas, place, "", seen))
    return list(_beyond(atlas, place, seen))


def _beyond(atlas: Atlas, place: Place, seen: set[Place]) -> Iterator[Station]:
    """What is at the other end of a cable."""
    end = atlas.far_end(place)
    if isinstance(end, Cause):
        return
    master = atlas.link(end).master
    if master is None:
        yield Station(end)
        return
    bridge = Place(end.at, master)
    if bridge not in seen and atlas.link(bridge).up:
        seen.add(bridge)
        yield Station(bridge)
        yield from _flooded(atlas, bridge, end.link, seen)


def _flooded(atlas: Atlas, bridge: Place, came_by: str, seen: set[Place]) -> Iterator[Station]:
    for port in atlas.host(bridge.at).ports.get(bridge.link, ()):
        place = Place(bridge.at, port)
        link = atlas.link(place)
        if port == came_by or not link.up:
            continue
        if isinstance(link.kind, Vxlan):
            yield from _tunnelled(atlas, place, link.kind)
        else:
            yield from _beyond(atlas, place, seen)


def _tunnelled(atlas: Atlas, place: Place, kind: Vxlan) -> Iterator[Station]:
    if kind.proxy:
        yield Station(place, proxies=True)
    elif atlas.host(place.at).vteps(place.link, NO_MAC):
        raise NotTaughtError(f"predict wasn't taught what a broadcast by {place.link} of {place.at} reaches")


def is_own(atlas: Atlas, bridge: Place, mac: str) -> bool:
    """Whether a bridge takes frames for ``mac`` itself: its own address, and those of its ports."""
    links = atlas.host(bridge.at).state.links
    return mac in (
        links[bridge.link].mac,
        *(links[port].mac for port in atlas.host(bridge.at).ports.get(bridge.link, ())),
    )


def port_towards(atlas: Atlas, bridge: Place, mac: str, learned: frozenset[tuple[Place, str]]) -> str | None:
    """The port behind which ``mac`` is, whichever the frame came by, were the port down; None where nobody has it.
    ``learned`` are the MACs that VXLAN devices have from frames. Who is there itself counts before what is said to be
    behind a tunnel."""
    ports = [Place(bridge.at, port) for port in atlas.host(bridge.at).ports.get(bridge.link, ())]
    found = [place for place in ports if _is_behind(atlas, place, mac, learned, {bridge})]
    found.sort(key=lambda place: isinstance(atlas.link(place).kind, Vxlan))
    if len(found) > 1 and not isinstance(atlas.link(found[1]).kind, Vxlan):
        raise NotTaughtError(f"predict can't tell which of several that have {mac} a bridge of {bridge.at} has learned")
    return found[0].link if found else None


def _is_behind(atlas: Atlas, port: Place, mac: str, learned: frozenset[tuple[Place, str]], seen: set[Place]) -> bool:
    link = atlas.link(port)
    if isinstance(link.kind, Vxlan):
        return (port, mac) in learned or atlas.host(port.at).is_tunnelled(port.link, mac)
    end = atlas.far_end(port)
    if isinstance(end, Cause):
        return _is_of_cut_off(atlas, link, mac)
    there = atlas.link(end)
    if there.master is None:
        return there.mac == mac
    bridge = Place(end.at, there.master)
    if bridge in seen:
        return False
    if is_own(atlas, bridge, mac):
        return True
    others = (Place(bridge.at, name) for name in atlas.host(bridge.at).ports[bridge.link] if name != end.link)
    return any(_is_behind(atlas, other, mac, learned, {*seen, bridge}) for other in others)


def _is_of_cut_off(atlas: Atlas, link: Link, mac: str) -> bool:
    """Whether the interface at the other end has it, which nothing reaches now."""
    kind = link.kind
    if not isinstance(kind, Veth) or kind.peer is None or kind.peer_namespace is None:
        return False
    there = atlas.host(kind.peer_namespace).state.links.get(kind.peer)
    return there is not None and there.mac == mac
