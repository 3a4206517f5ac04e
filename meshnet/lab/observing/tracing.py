"""``meshnet trace``: predicts where one packet goes, sends it, sees where it went, and holds the two side by side."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from meshnet.errors import NotTaughtError
from meshnet.lab.control.wire import Json
from meshnet.lab.lab import Lab
from meshnet.lab.observing.naming import Naming
from meshnet.lab.observing.request import TraceRequest
from meshnet.netstate.world import World
from meshnet.path import Journey, Probe, trace_json
from meshnet.path.trace import Trace
from meshnet.predict import predict
from meshnet.trace.fit import annotated, fit
from meshnet.trace.tracer import Observation, observe


async def trace(lab: Lab, request: Json) -> Json:
    """A trace.json document. ``request`` is as ``trace_request`` makes it. Raises ``InputError``."""
    asked = TraceRequest.from_json(request)
    probe = asked.probe(naming_of(lab))
    async with lab.observing:
        made = await traced(lab, probe, predict_only=asked.predict_only)
    return trace_json.dump(made)


async def traced(lab: Lab, probe: Probe, *, predict_only: bool = False) -> Trace:
    """Of a probe that has all its numbers. To be called by whoever holds ``lab.observing``."""
    world = await lab.world()
    predicted, notes = _predicted(world, probe)
    blank = Trace(lab.spec.name, probe, predicted, notes=notes, names=naming_of(lab).names)
    if predict_only:
        return blank
    observation = await asyncio.to_thread(observe, probe, lab.namespaces, world, lab.flavour)
    return _side_by_side(blank, observation)


def naming_of(lab: Lab) -> Naming:
    """What names mean in this lab, as it is now."""
    hosts = {name: lab.node(name).address.ip for name in lab.spec.hosts}
    return Naming(lab.control.state, hosts, lab.namespaces)


def _predicted(world: World, probe: Probe) -> tuple[tuple[Journey, ...], tuple[str, ...]]:
    """All ways there and back, or the ways there alone, and what predict wasn't taught."""
    notes: dict[str, None] = {}
    for reply in (True, False):
        try:
            return tuple(each.journey for each in predict(world, probe, reply=reply)), tuple(notes)
        except NotTaughtError as error:
            notes[str(error)] = None
    return (), tuple(notes)


def _side_by_side(blank: Trace, observation: Observation) -> Trace:
    """Observed hops get the causes that the fitting prediction names."""
    seen = replace(blank, observed=observation.journey, lost=observation.lost, notes=(*blank.notes, *observation.notes))
    fitting = fit(observation.journey, blank.predicted)
    if fitting is None:
        return seen
    predicted = blank.predicted[fitting.chosen]
    return replace(
        seen,
        predicted=(predicted,),
        observed=annotated(observation.journey, predicted),
        parting=fitting.parting,
    )
