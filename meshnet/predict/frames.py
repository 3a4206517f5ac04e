"""Frames on interfaces: out of one, and in by another."""

from __future__ import annotations

from dataclasses import replace

from meshnet.netstate import Bridge, Vxlan
from meshnet.path import Cause, Stage, Why
from meshnet.predict import causes, steps
from meshnet.predict.atlas import Place
from meshnet.predict.routing import LO
from meshnet.predict.steps import Arrive, Buffer, Receive, Step, Transmit
from meshnet.predict.tunnels import encapsulate
from meshnet.predict.walk import Walk

SLACK = 4
"""Bytes by which a frame may be longer than an interface's MTU says before it's dropped: a VLAN tag's, whether or not
there is one (``__is_skb_forwardable``)."""


def transmit(walk: Walk, step: Transmit) -> Step | None:
    buffer, link = step.buffer, step.link
    if link == LO:
        walk.seen(buffer, Stage.OUT, LO, step.cause)
        return Arrive(replace(buffer, came_by="", port=""), LO, Cause(Why.LOOPBACK, "lo"))
    kind = walk.atlas.link(Place(buffer.at, link)).kind
    match kind:
        case Bridge():
            walk.seen(buffer, Stage.OUT, link, step.cause)
            return steps.Bridge(replace(buffer, came_by="", port=""), link)
        case Vxlan():
            return encapsulate(walk, buffer, link, kind)
    return _by_cable(walk, step)


def _by_cable(walk: Walk, step: Transmit) -> Step | None:
    """A veth leaves conntrack behind, and what else a namespace keeps with a packet when it goes to another."""
    buffer, place = step.buffer, Place(step.buffer.at, step.link)
    end = walk.atlas.far_end(place)
    if isinstance(end, Cause):
        return walk.stop(buffer, end)
    walk.seen(buffer, Stage.OUT, place.link, step.cause)
    mtu = walk.atlas.link(end).mtu
    if buffer.packet.length > mtu + SLACK:
        return walk.stop(buffer, causes.too_long(end.at, end.link, buffer.packet, mtu))
    cause = Cause(Why.VETH, f"{place.link} of {place.at} is its other end")
    if end.at == buffer.at:
        return Arrive(Buffer(end.at, buffer.packet, balanced=buffer.balanced), end.link, cause)
    return Arrive(Buffer(end.at, replace(buffer.packet, mark=0)), end.link, cause)


def arrive(walk: Walk, step: Arrive) -> Step | None:
    buffer, link = step.buffer, step.link
    walk.seen(buffer, Stage.IN, link, step.cause)
    if link == LO:
        return Receive(replace(buffer, came_by=LO))
    place = Place(buffer.at, link)
    master = walk.atlas.link(place).master
    if master is None:
        return Receive(replace(buffer, came_by=link))
    if not walk.atlas.link(Place(buffer.at, master)).up:
        return walk.stop(buffer, causes.link_down(buffer.at, master))
    return steps.Bridge(replace(buffer, came_by=master, port=link), master)
