"""Finds out what stands in the way of flows: on paper, by putting right one thing after another.

Where a packet ends says little of why: a rule that is missing on a node lets it die in the sandbox behind. So each
difference between what namespaces hold and what they should is put right alone; the one with which the flow works again
is the cause. Where none is, or nobody knows what should be there, the place where the packet ends has to do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from meshnet.errors import NotTaughtError
from meshnet.netstate import NamespaceRef, NetState, Veth
from meshnet.netstate.change import Plan
from meshnet.netstate.diff import diff
from meshnet.path import Cause, Hop, Journey, Probe, Verdict, Why
from meshnet.predict.flows import Flow
from meshnet.predict.prediction import predict
from meshnet.predict.world import World

States = Mapping[NamespaceRef, NetState]

_UNKNOWN = Cause(Why.UNKNOWN)
_FORWARDING = "net.ipv4.ip_forward"
_WRONG = {
    "rules": Why.RULE,
    "ipvs": Why.NO_SERVER,
    "routes": Why.NO_ROUTE,
    "neighbours": Why.NO_NEIGHBOUR,
    "fdb": Why.NO_FDB_ENTRY,
    "links": Why.LINK_DOWN,
    "sysctls": Why.SETTING,
}
"""What it is called if a namespace holds other things than it should, where the packet ends elsewhere."""


@dataclass(frozen=True, slots=True)
class Repair:
    """One kind of things put right in one namespace: a ``field`` of its NetState. ``states`` is what it then holds, and
    of a veth that is gone, what the namespace of its other end does; ``changes`` is what that takes, a line each as
    ``netstate.diff`` has them."""

    at: NamespaceRef
    field: str
    states: States
    changes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """``at`` is where to look, ``cause`` what is wrong; ``affects`` names the flows it stops, of which ``probe`` tries
    one and ``journey`` shows it. ``changes`` would put it right, where it is known what should be there."""

    at: NamespaceRef
    cause: Cause
    affects: tuple[str, ...]
    probe: Probe
    journey: Journey
    changes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """``working`` are the flows that nothing stands in the way of; ``untaught`` says of others, in sentences, why they
    could not be judged."""

    findings: tuple[Finding, ...]
    working: tuple[Flow, ...]
    untaught: tuple[str, ...] = ()


def diagnose(world: World, wanted: States, flows: Iterable[Flow]) -> Diagnosis:
    """Judge every flow, by each real server that it may come to. ``wanted`` is what namespaces should hold, as far as
    somebody says so."""
    repairs = tuple(_repairs(world, wanted))
    found: dict[object, Finding] = {}
    working: list[Flow] = []
    untaught: list[str] = []
    for flow in flows:
        try:
            failing = _failing(world, flow)
            if not failing:
                working.append(flow)
            for finding in _explained(world, repairs, flow, failing):
                key = finding.at, finding.changes or finding.cause
                known = found.get(key)
                found[key] = replace(known, affects=_joined(known, finding)) if known else finding
        except NotTaughtError as error:
            untaught.append(f"{flow.name}: {error}")
    return Diagnosis(tuple(found.values()), tuple(working), tuple(untaught))


def works(journey: Journey) -> bool:
    """Whether the request came to where it was to go, and the answer back."""
    answered = journey.reply is None or journey.reply.verdict is Verdict.DELIVERED
    return journey.request.verdict is Verdict.DELIVERED and answered


def end_of(journey: Journey) -> Hop:
    """Where a journey ended: the request's last hop, or if that came there, its answer's."""
    request = journey.request
    path = journey.reply if request.verdict is Verdict.DELIVERED and journey.reply else request
    return path.hops[-1]


def _failing(world: World, flow: Flow) -> list[Journey]:
    return [each.journey for each in predict(world, flow.probe, reply=True) if not works(each.journey)]


def _explained(world: World, repairs: Sequence[Repair], flow: Flow, failing: Sequence[Journey]) -> Iterator[Finding]:
    """One finding for each repair that alone makes some of it work; else one for each end there is."""
    if not failing:
        return
    helping = [repair for repair in repairs if len(_failing(_repaired(world, repair), flow)) < len(failing)]
    for repair in helping:
        yield Finding(repair.at, _cause(repair, failing[0]), (flow.name,), flow.probe, failing[0], repair.changes)
    if not helping:
        ends = {(end_of(journey).at, end_of(journey).cause or _UNKNOWN): journey for journey in failing}
        for (at, cause), journey in ends.items():
            yield Finding(at, cause, (flow.name,), flow.probe, journey)


def _cause(repair: Repair, journey: Journey) -> Cause:
    end = end_of(journey)
    ends_there = end.at == repair.at and end.cause is not None
    why = end.cause.why if ends_there and end.cause else _WRONG.get(repair.field, Why.UNKNOWN)
    return Cause(why, f"not as it should be: {'; '.join(repair.changes)}", "meshnet repair")


def _joined(known: Finding, finding: Finding) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*known.affects, *finding.affects)))


def _repaired(world: World, repair: Repair) -> World:
    return replace(world, states={**world.states, **repair.states})


def _repairs(world: World, wanted: States) -> Iterator[Repair]:
    """All that can be put right alone: of each namespace, its links, addresses, routes, rules, ..."""
    for ref, want in wanted.items():
        have = world.states.get(ref)
        if have is None:
            continue
        for field in fields(NetState):
            mended = {ref: replace(have, **{field.name: _mended(field.name, have, want)})}
            if field.name == "links":
                mended |= _other_ends(world, ref, wanted)
            changes = tuple(str(change) for change in _changes(world, mended) if change.namespace == ref)
            if changes:
                yield Repair(ref, field.name, mended, changes)


def _changes(world: World, mended: States) -> Plan:
    """Of all namespaces, since a link has its other end in another; nothing at all where nothing differs."""
    if all(world.states[ref] == state for ref, state in mended.items()):
        return Plan(())
    return diff({**world.states, **mended}, world.states)


def _other_ends(world: World, ref: NamespaceRef, wanted: States) -> dict[NamespaceRef, NetState]:
    """With a veth that is gone, its other end went as well."""
    ends: dict[NamespaceRef, NetState] = {}
    gone = [link.kind for name, link in wanted[ref].links.items() if name not in world.states[ref].links]
    for kind in gone:
        if not isinstance(kind, Veth) or kind.peer is None or kind.peer_namespace is None:
            continue
        there = ends.get(kind.peer_namespace) or world.states[kind.peer_namespace]
        end = wanted[kind.peer_namespace].links[kind.peer]
        ends[kind.peer_namespace] = replace(there, links={**there.links, kind.peer: end})
    return ends


def _mended(field: str, have: NetState, want: NetState) -> Any:
    """What is wanted in place of what is there; what is somebody else's (``foreign``) stays."""
    there, wished, foreign = getattr(have, field), getattr(want, field), want.foreign
    match field:
        case "links":
            return {**{name: link for name, link in there.items() if name in foreign}, **wished}
        case "sysctls":
            return {**_less_overruled(there, wished), **wished}
        case "rules":
            return wished.normalised()
        case "addresses":
            return (*(each for each in there if each.link in foreign), *wished)
        case "routes" | "neighbours" | "fdb":
            return frozenset(each for each in there if each.link in foreign) | wished
        case "foreign":
            return there
    return wished


def _less_overruled(there: Mapping[str, str], wished: Mapping[str, str]) -> dict[str, str]:
    """Setting ``ip_forward`` sets it for every interface."""
    if wished.get(_FORWARDING, there.get(_FORWARDING)) == there.get(_FORWARDING):
        return dict(there)
    return {name: value for name, value in there.items() if not name.endswith(".forwarding")}
