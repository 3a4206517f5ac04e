"""``meshnet explain``: what is failing now in a lab, where, and what would mend it.

All flows that the swarm ought to carry are judged on paper first, by what the kernel holds at this moment. Those that
should work are then tried for real, since a wire that loses packets shows in no table; what fails then is traced.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping

from meshnet.kernel.namespaces import NetNamespace
from meshnet.lab.control.wire import Json
from meshnet.lab.lab import Lab
from meshnet.lab.observing.flows import flows_of
from meshnet.lab.observing.tracing import naming_of, traced
from meshnet.netstate import NamespaceRef
from meshnet.path import Cause, Source, Why, trace_json
from meshnet.path.trace import Trace
from meshnet.predict.diagnosis import Finding, diagnose, end_of, works
from meshnet.predict.flows import Flow
from meshnet.trace.probing import sending
from meshnet.trace.tracer import PATIENCE

SCHEMA = "meshnet-explain/1"

_TRIES = 3
"""How often a flow is tried: a service's tasks take turns."""


async def explain(lab: Lab) -> Json:
    """What was found, as docs/trace.md has it."""
    async with lab.observing:
        world = await lab.world()
        flows = list(flows_of(naming_of(lab), world))
        diagnosis = await asyncio.to_thread(diagnose, world, lab.wanted(), flows)
        failing = await asyncio.to_thread(_failing, lab.namespaces, diagnosis.working)
        seen = [await _seen(lab, flow) for flow in failing]
    findings = [*diagnosis.findings, *(finding for finding in seen if finding is not None)]
    return {
        "schema": SCHEMA,
        "healthy": not findings,
        "checked": [flow.name for flow in flows],
        "findings": [_plain(lab, finding) for finding in findings],
        "notes": list(diagnosis.untaught),
        "drift": await lab.drift(),
    }


def _failing(namespaces: Mapping[NamespaceRef, NetNamespace], flows: Iterable[Flow]) -> list[Flow]:
    """Those of which some try has no answer."""
    return [flow for flow in flows if not all(_answers(namespaces, flow) for _ in range(_TRIES))]


def _answers(namespaces: Mapping[NamespaceRef, NetNamespace], flow: Flow) -> bool:
    with sending(flow.probe, namespaces[flow.probe.origin]) as probing:
        return probing.wait(time.monotonic() + PATIENCE)


async def _seen(lab: Lab, flow: Flow) -> Finding | None:
    """Where a flow fails that nothing seems to stand in the way of; None if it works this time."""
    trace = await traced(lab, flow.probe)
    if trace.observed is None or works(trace.observed):
        return None
    last = end_of(trace.observed)
    lost = f"nothing that the namespaces hold stops it, but it was not seen after {last.interface or last.stage.value}"
    cause = last.cause or Cause(Why.UNKNOWN, lost)
    return Finding(last.at, cause, (flow.name,), flow.probe, trace.observed)


def _plain(lab: Lab, finding: Finding) -> Json:
    return {
        "node": finding.at.node,
        "namespace": finding.at.file,
        "why": finding.cause.why.value,
        "text": finding.cause.text,
        "mend": finding.cause.mend,
        "affects": list(finding.affects),
        "changes": list(finding.changes),
        "ends": str(end_of(finding.journey).at),
        "trace": trace_json.dump(_trace(lab, finding)),
    }


def _trace(lab: Lab, finding: Finding) -> Trace:
    journey, names = finding.journey, naming_of(lab).names
    if journey.request.source is Source.OBSERVED:
        return Trace(lab.spec.name, finding.probe, (), journey, names=names)
    return Trace(lab.spec.name, finding.probe, (journey,), names=names)
