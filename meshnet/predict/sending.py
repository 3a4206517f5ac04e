"""The way out of a namespace's IP: OUTPUT, POSTROUTING, the next hop's MAC (ip_output.c)."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

from meshnet.errors import NotTaughtError
from meshnet.path import Cause, Hook, Packet, Why
from meshnet.predict import causes
from meshnet.predict.atlas import Place
from meshnet.predict.balancing import balance, turn_back
from meshnet.predict.neighbours import mac_of, may_remember, resolve
from meshnet.predict.routing import LO, Way
from meshnet.predict.steps import Buffer, Leave, LocalOut, Step, Transmit
from meshnet.predict.walk import Walk

_UNSET = IPv4Address("0.0.0.0")
_NO_MAC = "00:00:00:00:00:00"


def send(walk: Walk, buffer: Buffer, bound: IPv4Address | None) -> Step | None:
    """A socket sends. ``bound`` is the source it insists on; if that is None, the packet's is what the route gives. The
    kernel refuses a socket what it knows it can't send."""
    host, packet = walk.host(buffer.at), buffer.packet
    way = walk.way_out(buffer.at, bound, packet.destination)
    source = bound or (way.source if isinstance(way, Way) else _UNSET)
    if source is None:
        raise NotTaughtError(f"predict wasn't taught to send without any address of its own ({buffer.at})")
    buffer = replace(buffer, packet=replace(packet, source=source))
    walk.sent(buffer, Cause(Why.SOCKET, f"{packet.protocol} at {buffer.at}"))
    if bound is not None and not host.routes.is_local(bound):
        return walk.stop(buffer, causes.foreign_source(buffer.at, bound))
    if isinstance(way, Cause):
        return walk.stop(buffer, way)
    if packet.length > host.mtu(way.link):
        return walk.stop(buffer, causes.too_long(buffer.at, way.link, packet, host.mtu(way.link)))
    return LocalOut(buffer, way)


def local_out(walk: Walk, step: LocalOut) -> Step | None:
    """OUTPUT. What DNAT sends elsewhere is routed anew at once, from the source that it has (``ip_route_me_harder``);
    rules behind that still see the interface of before."""
    buffer = walk.traverse(Hook.OUTPUT, step.buffer, out=step.way.link)
    if buffer is None:
        return None
    way = step.way
    if buffer.packet.destination != step.buffer.packet.destination:
        anew = walk.way_out(buffer.at, buffer.packet.source, buffer.packet.destination)
        if isinstance(anew, Cause):
            return walk.stop(buffer, anew)
        way = anew
    balanced = balance(walk, turn_back(walk, buffer), way)
    if not isinstance(balanced, Buffer):
        return balanced
    passed = walk.finish(Hook.OUTPUT, balanced, out=step.way.link)
    return Leave(passed, way) if passed is not None else None


def leave(walk: Walk, step: Leave) -> Step | None:
    """POSTROUTING, and to the next hop. ``lo`` has no MACs."""
    link, host = step.way.link, walk.host(step.buffer.at)
    buffer = walk.traverse(Hook.POSTROUTING, step.buffer, out=link)
    if buffer is None:
        return None
    packet, mtu = buffer.packet, host.mtu(link)
    if packet.length > mtu:
        if not packet.dont_fragment:
            raise NotTaughtError(f"predict wasn't taught fragments: {packet.length} bytes by {link} of {buffer.at}")
        return walk.stop(buffer, causes.too_long(buffer.at, link, packet, mtu))
    macs = (_NO_MAC, _NO_MAC) if link == LO else _macs(walk, Place(buffer.at, link), step.way, packet)
    if isinstance(macs, Cause):
        return walk.stop(buffer, macs)
    frame = replace(packet, source_mac=macs[0], destination_mac=macs[1])
    return Transmit(replace(buffer, packet=frame), link, Cause(Why.ROUTE, step.way.text))


def _macs(walk: Walk, place: Place, way: Way, packet: Packet) -> tuple[str, str] | Cause:
    found = next_hop(walk, place, way.via or packet.destination, packet.source)
    return found if isinstance(found, Cause) else (mac_of(walk.atlas, place), found)


def next_hop(walk: Walk, place: Place, address: IPv4Address, source: IPv4Address) -> str | Cause:
    """The MAC of ``address``. One that nobody would tell this packet may have been told another before: it can't be
    known which."""
    found = resolve(walk.atlas, place, address, source)
    remembered = may_remember(walk.atlas, place, address) if isinstance(found, Cause) else None
    return walk.choices.pick((found, remembered)) if remembered is not None else found
