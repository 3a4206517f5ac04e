"""To a socket, or to nobody."""

from __future__ import annotations

from meshnet.path import Packet, Verdict
from meshnet.predict import causes
from meshnet.predict.steps import Buffer, Deliver, Step
from meshnet.predict.tunnels import decapsulate
from meshnet.predict.walk import Walk


def deliver(walk: Walk, step: Deliver) -> Step | None:
    buffer, packet = step.buffer, step.buffer.packet
    if packet.inner is not None:
        return decapsulate(walk, buffer)
    if walk.awaited is not None:
        if walk.awaited.at == buffer.at and walk.awaited.packet.is_answered_by(packet):
            return walk.delivered(buffer)
        return walk.stop(buffer, causes.nobody_asked(buffer.at, packet))
    if packet.kind == "echo-request" or _is_served(walk, buffer, packet):
        return walk.delivered(buffer)
    return walk.stop(buffer, causes.no_listener(buffer.at, packet), Verdict.REFUSED)


def _is_served(walk: Walk, buffer: Buffer, packet: Packet) -> bool:
    """Whether a socket takes it. Where nobody looked, all are taken to be there."""
    if walk.atlas.world.listeners is None:
        return True
    there = walk.atlas.world.listeners.get(buffer.at, frozenset())
    wanted = packet.protocol, packet.destination_port
    return any((each.protocol, each.port) == wanted and each.address in (None, packet.destination) for each in there)
