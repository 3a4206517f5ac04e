"""VXLAN devices: frames into packets, and back (vxlan_core.c)."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

from meshnet.errors import NotTaughtError
from meshnet.netstate import Vxlan
from meshnet.netstate.state import NO_MAC
from meshnet.path import Cause, Packet, Stage, Verdict, Why
from meshnet.predict import causes
from meshnet.predict.atlas import Place
from meshnet.predict.settings import DEFAULT_TTL
from meshnet.predict.steps import Arrive, Buffer, Deliver, LocalOut, Step
from meshnet.predict.walk import Walk

_WITH_PORTS = ("tcp", "udp", "sctp")
"""The outer source port is a hash of the inner addresses and ports. Where there are none, every packet between the two
has the same, and conntrack on the underlay may know it from one before: then nat isn't asked."""

OVERHEAD = 50
"""Bytes by which the packet on the underlay is longer than the one inside: IP 20, UDP 8, VXLAN 8, Ethernet 14."""


def encapsulate(walk: Walk, buffer: Buffer, link: str, kind: Vxlan) -> Step | None:
    """A frame goes out by a VXLAN device, which looks up where to."""
    frame, place = replace(buffer.packet, mark=None), Place(buffer.at, link)
    mac = frame.destination_mac or ""
    vtep, cause = _vtep(walk, place, mac)
    walk.seen(buffer, Stage.OUT, link, cause)
    if vtep is None:
        return walk.stop(buffer, causes.no_fdb_entry(buffer.at, link, mac))
    if kind.underlay is None:
        raise NotTaughtError(f"predict wasn't told which namespace {link} of {buffer.at} has its tunnel in")
    way = walk.way_out(kind.underlay, None, vtep)
    if isinstance(way, Cause):
        return walk.stop(buffer, way)
    if way.is_local or way.source is None:
        raise NotTaughtError(f"predict wasn't taught a VTEP that is {kind.underlay} itself: {vtep}")
    mtu = walk.host(kind.underlay).mtu(way.link)
    if frame.length + OVERHEAD > mtu:
        if not frame.dont_fragment:
            raise NotTaughtError(f"predict wasn't taught fragments: {frame.length} bytes by {link} of {buffer.at}")
        return walk.stop(buffer, causes.too_long(kind.underlay, way.link, _outer(frame, kind, way.source, vtep), mtu))
    mark = buffer.packet.mark if kind.underlay == buffer.at else 0
    out = LocalOut(Buffer(kind.underlay, replace(_outer(frame, kind, way.source, vtep), mark=mark)), way)
    if frame.protocol not in _WITH_PORTS and walk.choices.pick((False, True)):
        walk.precede(out, Deliver)
    return out


def _vtep(walk: Walk, place: Place, mac: str) -> tuple[IPv4Address | None, Cause]:
    """What was put there, or was learned, of which there is never both; else where to send what isn't known."""
    permanent = walk.host(place.at).vteps(place.link, mac)
    learned = walk.memory.learned.get((place, mac))
    if learned is not None:
        return learned, Cause(Why.FDB, f"{mac} dev {place.link} dst {learned} self")
    entries, name = (permanent, mac) if permanent else (walk.host(place.at).vteps(place.link, NO_MAC), NO_MAC)
    if len(entries) > 1:
        raise NotTaughtError(f"predict wasn't taught copies: {name} is behind several VTEPs at {place.at}")
    if not entries:
        return None, Cause(Why.BRIDGE, f"{mac} dev {place.link}")
    return entries[0], Cause(Why.FDB, f"{name} dev {place.link} dst {entries[0]} self permanent")


def _outer(frame: Packet, kind: Vxlan, source: IPv4Address, vtep: IPv4Address) -> Packet:
    """Its source port is a hash of the frame's headers. It may be fragmented: DF is not set."""
    return Packet(
        source,
        vtep,
        "udp",
        destination_port=kind.port,
        ttl=DEFAULT_TTL,
        length=frame.length + OVERHEAD,
        dont_fragment=False,
        vni=kind.vni,
        inner=frame,
    )


def decapsulate(walk: Walk, buffer: Buffer) -> Step | None:
    """A packet has come to the socket of VXLAN devices; whose it is, its VNI says."""
    outer = buffer.packet
    assert outer.inner is not None and outer.vni is not None and outer.destination_port is not None
    place = walk.atlas.vtep(buffer.at, outer.destination_port, outer.vni)
    if place is None or not walk.atlas.link(place).up:
        cause = causes.no_vtep(buffer.at, outer) if place is None else causes.link_down(place.at, place.link)
        is_open = walk.atlas.has_tunnels(buffer.at, outer.destination_port)
        return walk.stop(buffer, cause, Verdict.DROPPED if is_open else Verdict.REFUSED)
    link, frame = walk.atlas.link(place), outer.inner
    assert isinstance(link.kind, Vxlan)
    moved = _learn(walk, place, link.kind, frame.source_mac or "", outer.source)
    if moved is not None:
        return walk.stop(buffer, moved)
    mark = outer.mark if place.at == buffer.at else 0
    cause = Cause(Why.VXLAN, f"vxlan id {outer.vni} dstport {outer.destination_port} from {outer.source}")
    return Arrive(Buffer(place.at, replace(frame, mark=mark)), place.link, cause)


def _learn(walk: Walk, place: Place, kind: Vxlan, mac: str, vtep: IPv4Address) -> Cause | None:
    """Remember where ``mac`` is, if the device does; a cause where a permanent entry says otherwise, against which
    nothing is let in."""
    if not kind.learning:
        return None
    permanent = walk.host(place.at).vteps(place.link, mac)
    if permanent and permanent[0] != vtep:
        return causes.other_vtep(place.at, place.link, mac, permanent[0], vtep)
    if not permanent:
        walk.memory.learned[place, mac] = vtep
    return None
