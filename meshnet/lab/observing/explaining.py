"""``meshnet explain``: what is failing now in a lab, where, and what would mend it.

All flows that the swarm ought to carry are judged on paper first, by what the kernel holds at this moment. Those that
should work are then tried for real, since a wire that loses packets shows in no table. What fails then is judged once
more, by every path that it may have taken, and traced if that finds nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence, Set
from contextlib import suppress

from meshnet.lab.control.wire import Json
from meshnet.lab.deadlines import scaled
from meshnet.lab.lab import Lab
from meshnet.lab.observing.flows import flows_of
from meshnet.lab.observing.ground import ground
from meshnet.lab.observing.losing import Place, Routes, lost
from meshnet.lab.observing.tracing import naming_of, traced
from meshnet.lab.observing.trying import failing
from meshnet.netstate.world import World
from meshnet.path import Source, trace_json
from meshnet.path.trace import Trace
from meshnet.predict.diagnosis import Diagnosis, Finding, Judge, end_of, works
from meshnet.predict.flows import Flow
from topo.underlay import underlay

SCHEMA = "meshnet-explain/1"

_LOOKS = 3
_REST = 3.0
"""Seconds in which a swarm should come to rest."""

_TRACES = 3
"""How often a flow that failed is traced until it fails again: the next time it may come to another real server."""


async def explain(lab: Lab) -> Json:
    """What was found, as docs/trace.md has it. What is half done looks like a fault, so a swarm on its way is waited
    for, though not for ever, and what is found while namespaces come or go is looked at once more."""
    async with lab.observing:
        for _ in range(_LOOKS):
            with suppress(TimeoutError):
                await lab.at_rest(scaled(_REST))
            there = set(lab.namespaces)
            document = await _explained(lab)
            if document["healthy"] or set(lab.namespaces) == there:
                break
    return document


async def _explained(lab: Lab) -> Json:
    world = await lab.world()
    flows = list(flows_of(naming_of(lab), _clients(lab), world))
    judge = await asyncio.to_thread(_judge, lab, world)
    diagnosis = await asyncio.to_thread(judge.judge, flows)
    there = lab.namespaces
    hopeful = [flow for flow in _hopeful(diagnosis) if flow.probe.origin in there]
    failed = await asyncio.to_thread(failing, there, hopeful)
    again = await asyncio.to_thread(judge.judge, failed, every_path=True)
    silent, fine = _hopeful(again), [flow for flow in hopeful if flow not in failed]
    routes = await asyncio.to_thread(Routes, world, [*fine, *silent] if silent else ())
    findings = [*again.findings, *await _seen(lab, routes, silent, fine)]
    return {
        "schema": SCHEMA,
        "healthy": not findings,
        "checked": [flow.name for flow in flows],
        "findings": [_plain(lab, finding) for finding in findings],
        "notes": list(_notes(diagnosis)),
        "drift": list(diagnosis.drift),
    }


def _clients(lab: Lab) -> list[str]:
    """The hosts that are neither in the swarm nor routers."""
    machines = {machine.name for machine in lab.spec.machines}
    roles = {host: lab.net.topo.nodeInfo(host).get("role") for host in lab.spec.hosts}
    return [host for host, role in roles.items() if host not in machines and role != "router"]


def _notes(diagnosis: Diagnosis) -> Iterator[str]:
    """Why flows were tried alone, a line for each reason."""
    reasons: dict[str, list[str]] = {}
    for flow, reason in diagnosis.untaught:
        reasons.setdefault(reason, []).append(flow.name)
    for reason, names in reasons.items():
        yield f"tried, but not judged by rules and tables: {', '.join(names)}: {reason}"


def _judge(lab: Lab, world: World) -> Judge:
    mesh = lab.wanted()
    return Judge(world, mesh, ground(world.states, underlay(lab.net.topo), mesh))


def _hopeful(diagnosis: Diagnosis) -> list[Flow]:
    """Those that nothing on paper stands in the way of, as far as paper says."""
    return [*diagnosis.working, *(flow for flow, _ in diagnosis.untaught)]


async def _seen(lab: Lab, routes: Routes, silent: Sequence[Flow], fine: Sequence[Flow]) -> list[Finding]:
    """Where flows fail that nothing seems to stand in the way of. What should pass the place where one of them was lost
    is taken to be lost there as well."""
    findings: list[Finding] = []
    left = list(silent)
    while left:
        flow, trace = await _telling(lab, left, routes.suspects(left, fine))
        along = [flow]
        if trace is not None and trace.observed is not None:
            at, place, cause = lost(trace)
            along += [other for other in left if other is not flow and place in routes.may_pass(other)]
            affects = tuple(other.name for other in along)
            findings.append(Finding(at, cause, affects, flow.probe, trace.observed))
        left = [other for other in left if other not in along]
    return findings


async def _telling(lab: Lab, silent: Sequence[Flow], suspects: Set[Place]) -> tuple[Flow, Trace | None]:
    """A flow whose packet is lost at one of ``suspects``, if there is one among those that begin where these are; else
    the first."""
    nodes = {at.node for at, _, _ in suspects}
    near = [flow for flow in silent if flow.probe.origin.node in nodes]
    first: tuple[Flow, Trace | None] | None = None
    for flow in (near or silent)[:_TRACES]:
        trace = await _failing_trace(lab, flow)
        if trace is not None and lost(trace)[1] in suspects:
            return flow, trace
        first = first or (flow, trace)
    assert first is not None
    return first


async def _failing_trace(lab: Lab, flow: Flow) -> Trace | None:
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
