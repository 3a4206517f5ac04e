"""The way into a namespace's IP: PREROUTING, the route, INPUT or FORWARD (ip_input.c, ip_forward.c)."""

from __future__ import annotations

from dataclasses import replace

from meshnet.errors import NotTaughtError
from meshnet.path import Cause, Hook
from meshnet.predict import causes
from meshnet.predict.atlas import Place
from meshnet.predict.balancing import balance, turn_back
from meshnet.predict.neighbours import mac_of
from meshnet.predict.routing import LO, Way
from meshnet.predict.segment import is_own
from meshnet.predict.steps import Buffer, Deliver, Forward, Leave, LocalIn, Receive, Step
from meshnet.predict.walk import Walk

_TO_SELF = Way("local", LO, None, None, "")


def receive(walk: Walk, step: Receive) -> Step | None:
    """What comes by ``lo`` still knows that it is for the namespace itself, and isn't routed again."""
    frame, link = step.buffer, step.buffer.came_by
    if link != LO and not _is_for(walk, frame, link):
        own = walk.host(frame.at).state.links[link].mac
        return walk.stop(frame, causes.not_for_us(frame.at, link, frame.packet, own))
    buffer: Buffer | None = replace(frame, packet=frame.packet.unframed)
    if not step.prerouted and buffer is not None:
        buffer = walk.traverse(Hook.PREROUTING, buffer)
    if buffer is None:
        return None
    if link == LO:
        return LocalIn(buffer)
    way = walk.way_in(buffer.at, buffer.packet.source, buffer.packet.destination, link)
    if isinstance(way, Cause):
        return walk.stop(buffer, way)
    if way.is_local:
        return LocalIn(buffer)
    if not walk.host(buffer.at).settings.forwards(link):
        return walk.stop(buffer, causes.forwarding_off(buffer.at, link))
    return Forward(buffer, way)


def _is_for(walk: Walk, frame: Buffer, link: str) -> bool:
    place, mac = Place(frame.at, link), frame.packet.destination_mac
    return mac == mac_of(walk.atlas, place) or (mac is not None and is_own(walk.atlas, place, mac))


def local_in(walk: Walk, step: LocalIn) -> Step | None:
    """INPUT, with IPVS before its nat."""
    buffer = walk.traverse(Hook.INPUT, step.buffer)
    if buffer is None:
        return None
    balanced = balance(walk, turn_back(walk, buffer), _TO_SELF)
    if not isinstance(balanced, Buffer):
        return balanced
    passed = walk.finish(Hook.INPUT, balanced)
    return Deliver(passed) if passed is not None else None


def forward(walk: Walk, step: Forward) -> Step | None:
    """FORWARD sees the TTL lowered already. IPVS comes last."""
    packet, link = step.buffer.packet, step.way.link
    mtu = walk.host(step.buffer.at).mtu(link)
    if packet.ttl <= 1:
        return walk.stop(step.buffer, causes.too_old(step.buffer.at, packet))
    if packet.length > mtu:
        if not packet.dont_fragment:
            raise NotTaughtError(f"predict wasn't taught fragments: {packet.length} bytes at {step.buffer.at}")
        return walk.stop(step.buffer, causes.too_long(step.buffer.at, link, packet, mtu))
    aged = replace(step.buffer, packet=replace(packet, ttl=packet.ttl - 1))
    buffer = walk.traverse(Hook.FORWARD, aged, out=link)
    return Leave(turn_back(walk, buffer), step.way) if buffer is not None else None
