"""Journeys on paper, by name: what the article's cluster does with a few packets."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from ipaddress import IPv4Address

from meshnet.netstate import NamespaceRef
from meshnet.netstate.world import World
from meshnet.path import Journey, Path, Probe, Source
from meshnet.path.trace import Parting, Trace
from meshnet.predict import predict
from meshnet.trace.fit import fit
from tests.mesh.article import CLUSTERS, WHOAMI_3, article
from tests.predict.worlds import CLIENT, on_lan

CLUSTER = article(*CLUSTERS["20.10"])
TASK = NamespaceRef("swarm-worker2", WHOAMI_3.sandbox_file)
TO_WORKER1 = Probe(CLIENT, IPv4Address("192.168.56.11"), "tcp", 8000, 40000)
TO_NOBODY = Probe(CLIENT, IPv4Address("192.168.56.77"), "tcp", 8000, 40000)


@cache
def world() -> World:
    return on_lan(CLUSTER)


@cache
def predicted(probe: Probe) -> tuple[Journey, ...]:
    return tuple(each.journey for each in predict(world(), probe, reply=True))


def observed(journey: Journey) -> Journey:
    """The same as if somebody had seen it: with times, a microsecond a hop."""
    return Journey(_seen(journey.request), journey.reply and _seen(journey.reply))


def _seen(path: Path) -> Path:
    hops = (replace(hop, time=1_000_000_000 + 1000 * number) for number, hop in enumerate(path.hops))
    return Path(Source.OBSERVED, tuple(hops), copies=1)


def traced(probe: Probe, journey: Journey | None = None) -> Trace:
    """A trace of that journey, the last that is predicted if none is given."""
    ways = predicted(probe)
    seen = observed(journey or ways[-1])
    fitting = fit(seen, ways)
    assert fitting is not None
    names = {TASK: "whoami.3"}
    return Trace("article", probe, (fitting.predicted,), seen, fitting.parting, names=names)


def parted() -> Trace:
    """A trace that was seen to end in the sandbox, where more was predicted."""
    request = predicted(TO_WORKER1)[-1].request
    trace = traced(TO_WORKER1, Journey(replace(request, hops=request.hops[:12])))
    assert isinstance(trace.parting, Parting)
    return trace
