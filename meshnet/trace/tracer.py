"""Sends one probe and sees where it goes: capture and rule hits in every namespace, joined to a journey."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace

from meshnet.errors import KernelError, MachineError
from meshnet.kernel.iptables import Flavour
from meshnet.kernel.namespaces import NetNamespace
from meshnet.netstate import NamespaceRef
from meshnet.netstate.world import World
from meshnet.path import Journey, Probe
from meshnet.trace.capture import Capture
from meshnet.trace.decode import tcp_numbers
from meshnet.trace.event import Event
from meshnet.trace.join import join
from meshnet.trace.probing import sending
from meshnet.trace.rule_hits import RuleHits
from meshnet.trace.seen import Hit, Sighting
from meshnet.trace.sent import Sent

PATIENCE = 0.6
"""Seconds that an answer is waited for: less than the one after which TCP would try again."""


@dataclass(frozen=True, slots=True)
class Observation:
    """``lost`` counts what was seen but not kept, by namespace: with any, the journey may have gaps. ``notes`` are
    sentences about what could not be looked at."""

    journey: Journey
    lost: Mapping[NamespaceRef, int]
    notes: tuple[str, ...] = ()


def observe(
    probe: Probe,
    namespaces: Mapping[NamespaceRef, NetNamespace],
    world: World,
    flavour: Flavour,
    *,
    patience: float = PATIENCE,
) -> Observation:
    """Send ``probe``, which has all its numbers, and see. ``flavour`` is that of the iptables by which the rules are
    made. One at a time in a lab: rules are traced for all packets, and hits told to one."""
    notes: list[str] = []
    with ExitStack() as stack:
        capture = stack.enter_context(Capture(namespaces))
        try:
            rules: RuleHits | None = stack.enter_context(RuleHits(namespaces, flavour))
        except (MachineError, KernelError) as error:
            rules = None
            notes.append(str(error))
        with sending(probe, namespaces[probe.origin]) as probing:
            probing.wait(time.monotonic() + patience)
            seen: list[Sighting | Hit] = [*capture.sightings(), *(rules.hits() if rules else ())]
            if probing.problem:
                notes.append(f"{probe.origin}: the kernel would not send it: {probing.problem}")
    lost = Counter(capture.dropped) + Counter(rules.lost if rules else {})
    journey = join(world, _known(probing.sent, seen), seen, answered=probing.answered)
    return Observation(journey, lost, tuple(notes))


def _known(sent: Sent, seen: list[Sighting | Hit]) -> Sent:
    """The kernel draws the number that a TCP connection is known by: it is in the first packet that the socket sent."""
    if sent.signature.protocol != "tcp":
        return sent
    for each in seen:
        event = Event.of_sighting(each) if isinstance(each, Sighting) else Event.of_hit(each)
        if event is not None and each.at == sent.at and _is_first(event, sent):
            number, _ = tcp_numbers(event.data)
            return replace(sent, signature=replace(sent.signature, sequence=number))
    return sent


def _is_first(event: Event, sent: Sent) -> bool:
    packet = event.packet
    return (packet.protocol, packet.kind, packet.source_port) == ("tcp", "S", sent.packet.source_port)
