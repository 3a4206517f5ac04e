"""Where a packet was lost that nothing should stop: between the last place it was seen at, and the next one."""

from __future__ import annotations

from meshnet.errors import NotTaughtError
from meshnet.netstate import NamespaceRef
from meshnet.path import Cause, Hop, Journey, Probe, Stage, Why
from meshnet.path.trace import Trace
from meshnet.predict import predict
from meshnet.predict.diagnosis import end_of
from meshnet.predict.world import World

Place = tuple[NamespaceRef, Stage, str]
"""A hop of any packet: its namespace, its stage, its interface."""

_FRAMES = (Stage.OUT, Stage.IN)
_QUEUE = "tc qdisc show dev {link}"


def lost(trace: Trace) -> tuple[NamespaceRef, Place | None, Cause]:
    """Where to look, the place it didn't come to, where that is known, and what there is to say."""
    assert trace.observed is not None
    last = end_of(trace.observed)
    missed = _missed(trace)
    if missed is None:
        text = f"nothing that the namespaces hold stops it; it was last seen at {_shown(last)}"
        return last.at, None, last.cause or Cause(Why.UNKNOWN, text)
    text = f"what should come {_shown(missed)} is lost before, and nothing that the namespaces hold stops it"
    return missed.at, _place(missed), Cause(Why.UNKNOWN, text, _QUEUE.format(link=missed.interface))


def passes(world: World, probe: Probe, place: Place) -> bool:
    """Whether a probe, or what answers it, is to come by ``place`` on one of its ways."""
    try:
        journeys = [each.journey for each in predict(world, probe, reply=True)]
    except NotTaughtError:
        return False
    return any(place == _place(hop) for journey in journeys for hop in _hops(journey))


def _missed(trace: Trace) -> Hop | None:
    """The first frame that was predicted and not seen."""
    parting = trace.parting
    if parting is None or not trace.predicted:
        return None
    journey = trace.predicted[0]
    path = journey.reply if parting.direction == "reply" and journey.reply else journey.request
    return next((hop for hop in path.hops[parting.difference.number :] if hop.stage in _FRAMES), None)


def _hops(journey: Journey) -> tuple[Hop, ...]:
    return journey.request.hops + (journey.reply.hops if journey.reply else ())


def _place(hop: Hop) -> Place:
    return hop.at, hop.stage, hop.interface


def _shown(hop: Hop) -> str:
    match hop.stage:
        case Stage.OUT:
            return f"out by {hop.interface} of {hop.at}"
        case Stage.IN:
            return f"in by {hop.interface} of {hop.at}"
    return str(hop.at)
