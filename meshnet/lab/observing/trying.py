"""Tries flows for real: many at once, since each that fails takes as long as one waits for its answer."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import count

from meshnet.kernel.namespaces import NetNamespace
from meshnet.lab.deadlines import scaled
from meshnet.netstate import NamespaceRef
from meshnet.predict.flows import Flow
from meshnet.trace.probing import Probing, sending
from meshnet.trace.tracer import PATIENCE

_TRIES = 3
"""How often a flow is tried: a service's tasks take turns."""

_MORE_PATIENCE = 1.5
"""Seconds that an answer is waited for by what had none in the first place: longer than the one after which ARP and TCP
ask again, for the first packet of a long way, and for one that was lost by chance."""

_LOOK = 0.001
"""Seconds for a look at a socket whose time is up: its answer may have come while others were waited for."""

_SOURCE_PORTS = range(48000, 60000)
"""Every try has its own: IPVS may remember by it which real server the last one went to."""


def failing(namespaces: Mapping[NamespaceRef, NetNamespace], flows: Sequence[Flow]) -> list[Flow]:
    """Those of which some try has no answer, even when it's waited for longer."""
    ports = _source_ports()
    silent = _silent(namespaces, flows, ports, PATIENCE)
    return _silent(namespaces, silent, ports, scaled(_MORE_PATIENCE)) if silent else []


def _silent(
    namespaces: Mapping[NamespaceRef, NetNamespace], flows: Sequence[Flow], ports: Iterator[int], patience: float
) -> list[Flow]:
    with ExitStack() as stack:
        tries: list[tuple[Flow, Probing]] = []
        for flow in (*flows,) * _TRIES:
            probe = replace(flow.probe, source_port=next(ports))
            tries.append((flow, stack.enter_context(sending(probe, namespaces[probe.origin]))))
        until = time.monotonic() + patience
        silent = {flow.name for flow, probing in tries if not probing.wait(max(until, time.monotonic() + _LOOK))}
    return [flow for flow in flows if flow.name in silent]


def _source_ports() -> Iterator[int]:
    start = time.monotonic_ns()
    return (_SOURCE_PORTS[(start + number) % len(_SOURCE_PORTS)] for number in count())
