"""Where a packet was lost that nothing should stop: between the last place it was seen at, and the next one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Set

from meshnet.errors import NotTaughtError
from meshnet.netstate import NamespaceRef
from meshnet.netstate.world import World
from meshnet.path import Cause, Hop, Journey, Stage, Why
from meshnet.path.trace import Trace
from meshnet.predict import predict
from meshnet.predict.diagnosis import end_of
from meshnet.predict.flows import Flow

Place = tuple[NamespaceRef, Stage, str]
"""A hop of any packet: its namespace, its stage, its interface."""

_FRAMES = (Stage.OUT, Stage.IN)
_QUEUES = "tc -s qdisc"


def lost(trace: Trace) -> tuple[NamespaceRef, Place | None, Cause]:
    """Where to look, the place it didn't come to, where that is known, and what there is to say."""
    assert trace.observed is not None
    last = end_of(trace.observed)
    missed = _missed(trace)
    if missed is None:
        unseen = Cause(Why.UNKNOWN, "it is not seen any further, and no rule or table says why")
        return last.at, None, last.cause or unseen
    words = "get out" if missed.stage is Stage.OUT else "come in"
    text = f"what is to {words} by {missed.interface} is lost just before, and no rule or table says why"
    return missed.at, _place(missed), Cause(Why.UNKNOWN, text, f"look at what delays or loses packets there: {_QUEUES}")


class Routes:
    """Which places packets of flows, and what answers them, are to come by."""

    def __init__(self, world: World, flows: Iterable[Flow]) -> None:
        self._ways = {flow.name: _ways(world, flow) for flow in flows}

    def may_pass(self, flow: Flow) -> Set[Place]:
        """On some way or other."""
        return frozenset[Place]().union(*self._ways[flow.name])

    def must_pass(self, flow: Flow) -> Set[Place]:
        """Whichever way it goes."""
        ways = self._ways[flow.name]
        return frozenset.intersection(*ways) if ways else frozenset()

    def suspects(self, silent: Iterable[Flow], fine: Iterable[Flow]) -> Set[Place]:
        """The places that most of ``silent`` have in common, and none of ``fine`` has passed for sure. Where one trace
        ends says less: a machine that can't answer ARP lets packets for it end elsewhere."""
        cleared = frozenset[Place]().union(*map(self.must_pass, fine))
        passing = Counter(place for flow in silent for place in self.may_pass(flow) - cleared)
        most = max(passing.values(), default=0)
        return {place for place, number in passing.items() if number == most}


def _ways(world: World, flow: Flow) -> list[frozenset[Place]]:
    try:
        journeys = [each.journey for each in predict(world, flow.probe, reply=True)]
    except NotTaughtError:
        return []
    return [frozenset(_place(hop) for hop in _hops(journey) if hop.stage in _FRAMES) for journey in journeys]


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
