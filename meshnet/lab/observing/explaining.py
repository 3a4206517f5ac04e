"""``meshnet explain``: what is failing now in a lab, where, and what would mend it.

All flows that the swarm ought to carry are judged on paper first, by what the kernel holds at this moment. Those that
should work are then tried for real, since a wire that loses packets shows in no table; what fails then is traced.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from meshnet.lab.control.wire import Json
from meshnet.lab.lab import Lab
from meshnet.lab.observing.flows import flows_of
from meshnet.lab.observing.ground import ground
from meshnet.lab.observing.losing import lost, passes
from meshnet.lab.observing.tracing import naming_of, traced
from meshnet.lab.observing.trying import failing
from meshnet.path import Source, trace_json
from meshnet.path.trace import Trace
from meshnet.predict.diagnosis import Diagnosis, Finding, diagnose, end_of, works
from meshnet.predict.flows import Flow
from meshnet.predict.world import World
from topo.underlay import underlay

SCHEMA = "meshnet-explain/1"

_TRACES = 3
"""How often a flow that failed is traced until it fails again: the next time it may come to another real server."""


async def explain(lab: Lab) -> Json:
    """What was found, as docs/trace.md has it."""
    async with lab.observing:
        world = await lab.world()
        flows = list(flows_of(naming_of(lab), world))
        diagnosis = await asyncio.to_thread(_diagnosis, lab, world, flows)
        silent = await asyncio.to_thread(failing, lab.namespaces, diagnosis.working)
        findings = [*diagnosis.findings, *await _seen(lab, world, silent)]
    return {
        "schema": SCHEMA,
        "healthy": not findings,
        "checked": [flow.name for flow in flows],
        "findings": [_plain(lab, finding) for finding in findings],
        "notes": list(diagnosis.untaught),
        "drift": list(diagnosis.drift),
    }


def _diagnosis(lab: Lab, world: World, flows: Sequence[Flow]) -> Diagnosis:
    mesh = lab.wanted()
    return diagnose(world, mesh, flows, ground(world.states, underlay(lab.net.topo), mesh))


async def _seen(lab: Lab, world: World, silent: Sequence[Flow]) -> list[Finding]:
    """Where flows fail that nothing seems to stand in the way of: one is traced, and what should pass the place where
    it was lost is taken to be lost there as well."""
    findings: list[Finding] = []
    left = list(silent)
    while left:
        flow, *left = left
        trace = await _traced(lab, flow)
        if trace is None or trace.observed is None:
            continue
        at, place, cause = lost(trace)
        along = [other for other in left if place is not None and passes(world, other.probe, place)]
        left = [other for other in left if other not in along]
        affects = (flow.name, *(other.name for other in along))
        findings.append(Finding(at, cause, affects, flow.probe, trace.observed))
    return findings


async def _traced(lab: Lab, flow: Flow) -> Trace | None:
    """None if it works now."""
    for _ in range(_TRACES):
        trace = await traced(lab, flow.probe)
        if trace.observed is None or not works(flow, trace.observed):
            return trace
    return None


def _plain(lab: Lab, finding: Finding) -> Json:
    end = end_of(finding.journey)
    return {
        "node": finding.at.node,
        "namespace": finding.at.file,
        "why": finding.cause.why.value,
        "text": finding.cause.text,
        "mend": finding.cause.mend,
        "affects": list(finding.affects),
        "ends": {"node": end.at.node, "namespace": end.at.file, "text": end.cause.text if end.cause else ""},
        "trace": trace_json.dump(_trace(lab, finding)),
    }


def _trace(lab: Lab, finding: Finding) -> Trace:
    journey, names = finding.journey, naming_of(lab).names
    if journey.request.source is Source.OBSERVED:
        return Trace(lab.spec.name, finding.probe, (), journey, names=names)
    return Trace(lab.spec.name, finding.probe, (journey,), names=names)
