"""Tries flows for real: many at once, since each that fails takes as long as one waits for its answer."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress

from meshnet.kernel.namespaces import NetNamespace
from meshnet.lab.deadlines import scaled
from meshnet.lab.observing.source_ports import redrawn
from meshnet.netstate import NamespaceRef
from meshnet.predict.flows import Flow
from meshnet.trace.probing import PortTakenError, Probing, sending
from meshnet.trace.tracer import PATIENCE

_TRIES = 3
"""How often a flow is tried: a service's tasks take turns."""

_MORE_PATIENCE = 1.5
"""Seconds that an answer is waited for by what had none in the first place: longer than the one after which ARP and TCP
ask again, for the first packet of a long way, and for one that was lost by chance."""

_LOOK = 0.001
"""Seconds for a look at a socket whose time is up: its answer may have come while others were waited for."""


def failing(namespaces: Mapping[NamespaceRef, NetNamespace], flows: Sequence[Flow]) -> list[Flow]:
    """Those of which some try has no answer, even when it's waited for longer."""
    silent = _silent(namespaces, flows, PATIENCE)
    return _silent(namespaces, silent, scaled(_MORE_PATIENCE)) if silent else []


def _silent(namespaces: Mapping[NamespaceRef, NetNamespace], flows: Sequence[Flow], patience: float) -> list[Flow]:
    with ExitStack() as stack:
        tries = [(flow, stack.enter_context(_sending(namespaces, flow))) for flow in (*flows,) * _TRIES]
        until = time.monotonic() + patience
        silent = {flow.name for flow, probing in tries if not probing.wait(max(until, time.monotonic() + _LOOK))}
    return [flow for flow in flows if flow.name in silent]


@contextmanager
def _sending(namespaces: Mapping[NamespaceRef, NetNamespace], flow: Flow) -> Iterator[Probing]:
    with ExitStack() as stack:
        probing = None
        while probing is None:
            with suppress(PortTakenError):
                probing = stack.enter_context(sending(redrawn(flow.probe), namespaces[flow.probe.origin]))
        yield probing
