"""Back to where a lab was: for tests, which leave it to the next one as they found it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace

from meshnet.errors import LabError
from meshnet.kernel.conntrack import forget_connections
from meshnet.kernel.namespaces import NetNamespace
from meshnet.kernel.queues import Queue, queues
from meshnet.kernel.stations import forget_learned
from meshnet.lab.control.wire import Json
from meshnet.lab.lab import Lab
from meshnet.lab.programs.leftovers import end_leftovers
from meshnet.model import ClusterState
from meshnet.netstate import Bridge, NamespaceRef, NetState
from meshnet.netstate.namespace import SWITCHES
from meshnet.netstate.ruleset import Ruleset

_OF_INTERFACES = "net.ipv4.conf."
_OF_ALL = "net.ipv4.conf.all."


@dataclass(frozen=True, slots=True)
class Mark:
    """What a lab was at one moment. ``queues`` are the disciplines of its hosts' and switches' interfaces."""

    state: ClusterState
    states: Mapping[NamespaceRef, NetState]
    queues: Mapping[NamespaceRef, frozenset[Queue]]


async def mark(lab: Lab) -> Mark:
    """This moment."""
    return Mark(lab.control.state, (await lab.world()).states, await asyncio.to_thread(_queues, lab))


async def rewind(lab: Lab, then: Mark) -> tuple[Mark, Json]:
    """Put back what has changed since ``then``, and say what that was; the mark to come back to the next time.

    Programs that nobody holds any more are ended, the swarm is as it was, task by task, with containers that have ended
    started again under their ids, and so are namespaces. Connections are forgotten, and so is where bridges have heard
    of whom: addresses are given anew, and MACs with them. Raises ``LabError`` for what can't be put back: what somebody
    did to the topology's own interfaces, or to a host outside the swarm.
    """
    ended = await asyncio.to_thread(end_leftovers)
    moved = lab.control.state.version != then.state.version
    if moved:
        await lab.restore(then.state)
    await asyncio.to_thread(_forget, lab.namespaces)
    now = await mark(lab)
    repaired: list[str] = []
    if now.states != then.states:
        repaired = await lab.repair()
        now = await mark(lab)
    _check(lab, then, now)
    await asyncio.to_thread(_forget_stations, lab.namespaces, now.states)
    now = replace(now, state=replace(then.state, version=now.state.version))
    return now, {"ended": ended, "restored": moved, "repaired": repaired}


def _check(lab: Lab, then: Mark, now: Mark) -> None:
    for ref, state in then.states.items():
        if ref.file:
            continue
        cables = _cables(lab, ref)
        before, after = _fixed(state, cables), _fixed(now.states[ref], cables)
        if before != after:
            what = ", ".join(name for name in _FIELDS if getattr(before, name) != getattr(after, name))
            raise LabError(f"{ref}: the topology's own {what} are not as they were, and nothing here puts them back")
    for ref, there in then.queues.items():
        if now.queues.get(ref) != there:
            raise LabError(f"{ref}: the interfaces' queues (tc qdisc) are not as they were")


_FIELDS = ("links", "addresses", "routes", "neighbours", "sysctls", "rules", "ipvs")


def _cables(lab: Lab, ref: NamespaceRef) -> frozenset[str] | None:
    """The topology's interfaces of a machine in the swarm; None where there are no others."""
    if lab.control.state.node_named(ref.node) is None:
        return None
    return frozenset(lab.node(ref.node).intfNames()) | {"lo"}


def _fixed(state: NetState, cables: frozenset[str] | None) -> NetState:
    """What nobody puts back: all of a host outside the swarm (``cables`` is None), of a machine that in it what is on
    its cables."""
    settings = {
        name: value
        for name, value in state.sysctls.items()
        if not name.startswith(_OF_INTERFACES) or name.startswith(_OF_ALL)
    }
    if cables is None:
        return replace(state, sysctls=settings)
    return NetState(
        links={name: link for name, link in state.links.items() if name in cables},
        addresses=tuple(each for each in state.addresses if each.link in cables),
        routes=frozenset(each for each in state.routes if each.link in cables),
        neighbours=frozenset(each for each in state.neighbours if each.link in cables),
        sysctls=settings,
        rules=Ruleset(),
    )


def _queues(lab: Lab) -> dict[NamespaceRef, frozenset[Queue]]:
    """Of the namespaces that have cables. The links of the swarm itself come and go, and have none but the plainest."""
    cabled = {ref: namespace for ref, namespace in lab.namespaces.items() if not ref.file}
    return {ref: _shaping(queues(namespace)) for ref, namespace in cabled.items()}


def _shaping(found: frozenset[Queue]) -> frozenset[Queue]:
    return frozenset(queue for queue in found if queue.kind != "noqueue")


def _forget(namespaces: Mapping[NamespaceRef, NetNamespace]) -> None:
    for namespace in namespaces.values():
        forget_connections(namespace)


def _forget_stations(namespaces: Mapping[NamespaceRef, NetNamespace], states: Mapping[NamespaceRef, NetState]) -> None:
    """The underlay's stay where they are."""
    for ref, state in states.items():
        bridges = [name for name, link in state.links.items() if isinstance(link.kind, Bridge)]
        if bridges and ref != SWITCHES:
            forget_learned(namespaces[ref], bridges)
