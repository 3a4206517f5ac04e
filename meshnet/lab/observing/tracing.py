"""``meshnet trace``: predicts where one packet goes, sends it, sees where it went, and holds the two side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from meshnet.errors import NotTaughtError
from meshnet.lab.control.wire import Json
from meshnet.lab.lab import Lab
from meshnet.lab.observing.naming import Naming
from meshnet.lab.observing.request import TraceRequest
from meshnet.lab.observing.source_ports import redrawn
from meshnet.netstate.world import World
from meshnet.path import Probe, trace_json
from meshnet.path.trace import Trace
from meshnet.predict import ways
from meshnet.trace.fit import annotated, fit
from meshnet.trace.probing import PortTakenError
from meshnet.trace.tracer import Observation, observe

_Found = TypeVar("_Found")


async def trace(lab: Lab, request: Json) -> Json:
    """A trace.json document. ``request`` is as ``trace_request`` makes it. Raises ``InputError``."""
    asked = TraceRequest.from_json(request)
    probe = asked.probe(naming_of(lab))
    async with lab.observing:
        made = await traced(lab, probe, predict_only=asked.predict_only, same_port=asked.source_port is not None)
    return trace_json.dump(made)


async def traced(lab: Lab, probe: Probe, *, predict_only: bool = False, same_port: bool = False) -> Trace:
    """Of a probe that has all its numbers; if another socket has its source port, from another unless it has to be the
    ``same_port``. To be called by whoever holds ``lab.observing``. Raises ``PortTakenError``."""
    world = await lab.world()
    blank = Trace(lab.spec.name, probe, (), names=naming_of(lab).names)
    if predict_only:
        return await asyncio.to_thread(_on_paper, blank, world)
    while True:
        try:
            observation = await asyncio.to_thread(observe, blank.probe, lab.namespaces, world, lab.flavour)
        except PortTakenError:
            if same_port:
                raise
            blank = replace(blank, probe=redrawn(blank.probe))
        else:
            return await asyncio.to_thread(_side_by_side, blank, world, observation)


def naming_of(lab: Lab) -> Naming:
    """What names mean in this lab, as it is now."""
    hosts = {name: lab.node(name).address.ip for name in lab.spec.hosts}
    return Naming(lab.control.state, hosts, lab.namespaces)


def _on_paper(blank: Trace, world: World) -> Trace:
    """With every way that is predicted."""
    predicted, notes = _taught(lambda reply: tuple(each.journey for each in ways(world, blank.probe, reply=reply)))
    return replace(blank, predicted=predicted or (), notes=notes)


def _side_by_side(blank: Trace, world: World, observation: Observation) -> Trace:
    """What was observed beside the way that fits it. Its hops get the causes that this names."""
    seen = observation.journey
    fitting, notes = _taught(lambda reply: fit(seen, (each.journey for each in ways(world, blank.probe, reply=reply))))
    told = replace(blank, observed=seen, lost=observation.lost, notes=(*notes, *observation.notes))
    if fitting is None:
        return told
    observed = annotated(seen, fitting.predicted)
    return replace(told, predicted=(fitting.predicted,), observed=observed, parting=fitting.parting)


def _taught(predicting: Callable[[bool], _Found]) -> tuple[_Found | None, tuple[str, ...]]:
    """What is predicted of ways there and back, or of the ways there alone; and what predict wasn't taught."""
    notes: dict[str, None] = {}
    for reply in (True, False):
        try:
            return predicting(reply), tuple(notes)
        except NotTaughtError as error:
            notes[str(error)] = None
    return None, tuple(notes)
