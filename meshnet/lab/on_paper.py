"""A lab on paper: all that its namespaces hold once it has been built, worked out without a kernel.

What the kernel draws at random, the MACs of interfaces that are given none, is drawn here, too: from names, so that the
same lab is the same again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import reduce

from mininet.topo import Topo

from meshnet.mesh import render
from meshnet.model import ClusterState
from meshnet.model.ids import derived_id
from meshnet.model.lab import LabSpec
from meshnet.netstate import Bridge, Link, NamespaceRef, NetState
from meshnet.netstate.world import World
from meshnet.orchestrator import deploy, form_lab, settled, step
from topo import registry
from topo.underlay import underlay


def paper_world(spec: LabSpec, *, without_ipvs: bool = False) -> World:
    """The lab that has formed its swarm, has deployed its stack and has come to rest. Raises ``InputError`` and
    ``AllocationError`` for one that can't be."""
    state = settled(reduce(step, deploy(spec.stack), form_lab(spec)))
    return world_of(state, registry.build(spec.topology, spec.parameters), without_ipvs=without_ipvs)


def world_of(state: ClusterState, topology: Topo, *, without_ipvs: bool = False) -> World:
    """What the swarm wants of its machines' namespaces, on what the topology has put there. Nobody has looked for
    listeners: every port is taken to be served. ``without_ipvs`` is ``render``'s."""
    ground, mesh = underlay(topology), render(state, without_ipvs=without_ipvs)
    nothing = NetState()
    states = {ref: _laid_on(ground.get(ref, nothing), mesh.get(ref, nothing)) for ref in {**ground, **mesh}}
    return World({ref: _with_macs(ref, each) for ref, each in states.items()})


def _laid_on(ground: NetState, mesh: NetState) -> NetState:
    """Both in one namespace, where nothing is foreign any more."""
    return replace(
        mesh,
        links={**ground.links, **mesh.links},
        addresses=(*ground.addresses, *mesh.addresses),
        routes=ground.routes | mesh.routes,
        sysctls={**ground.sysctls, **mesh.sysctls},
        foreign=frozenset(),
    )


def _with_macs(ref: NamespaceRef, state: NetState) -> NetState:
    """A bridge that is given none has the lowest of its ports'."""
    macs = {name: link.mac or _drawn(ref, name) for name, link in state.links.items()}
    for name, link in state.links.items():
        if isinstance(link.kind, Bridge) and link.mac is None:
            macs[name] = min(_of_ports(name, state.links.values(), macs), default=macs[name])
    return replace(state, links={name: replace(link, mac=macs[name]) for name, link in state.links.items()})


def _of_ports(bridge: str, links: Iterable[Link], macs: dict[str, str]) -> list[str]:
    return [macs[link.name] for link in links if link.master == bridge]


def _drawn(ref: NamespaceRef, link: str) -> str:
    """A locally administered one."""
    digits = derived_id("drawn mac", str(ref), link)
    return ":".join(("06", *(digits[at : at + 2] for at in range(0, 10, 2))))
