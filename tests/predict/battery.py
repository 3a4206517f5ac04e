"""Packets of every kind that meet the rules of the article's cluster, on paper.

Besides what the article shows, each node has two containers of its ``docker0`` and one of an overlay network that
anybody may join: without them nothing ever meets some of the rules that an engine makes. And the client may have a
route to the bridges of any one node.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from ipaddress import IPv4Address, IPv4Network

from meshnet.mesh import render
from meshnet.model import ClusterState, ContainerSpec, NetworkSpec, Node
from meshnet.netstate import NamespaceRef, NetState, Route
from meshnet.netstate.world import World
from meshnet.orchestrator import CreateNetwork, settled, step
from meshnet.orchestrator.commands import CreateContainer, StartContainer
from meshnet.path import Probe
from tests.mesh.scenarios import scenario
from tests.predict.worlds import CLIENT, changed, on_lan

PUBLISHED, CLOSED, DNS, SOURCE_PORT = 8000, 9, 53, 40000
RESOLVER = IPv4Address("127.0.0.11")
LOCALHOST = IPv4Address("127.0.0.1")
OPEN = "open"
DOCKER0 = IPv4Network("172.17.0.0/16")
BRIDGES = (DOCKER0, IPv4Network("172.18.0.0/16"), IPv4Network("172.19.0.0/16"))


@cache
def article() -> dict[NamespaceRef, NetState]:
    """What the article's namespaces hold."""
    return render(scenario("article"))


@cache
def crowded() -> ClusterState:
    """The article's cluster with all those containers."""
    state = step(scenario("article"), CreateNetwork(NetworkSpec(OPEN, attachable=True)))
    for node in list(state.nodes.values()):
        for name, networks in (("one", ()), ("two", ()), ("guest", (OPEN,))):
            spec = ContainerSpec(f"{name}-{node.name}", "busybox", networks=networks)
            state = step(state, CreateContainer(node.name, spec))
    for container in list(state.containers):
        state = step(state, StartContainer(container))
    return settled(state)


@cache
def worlds() -> dict[str, World]:
    """By the node by which the client goes to bridges."""
    world = on_lan(crowded())
    return {node.name: _routed(world, node) for node in crowded().nodes.values()}


def _routed(world: World, node: Node) -> World:
    routes = {Route(bridge, "eth0", node.address.ip) for bridge in BRIDGES}
    return changed(world, CLIENT, routes=world.states[CLIENT].routes | routes)


def flows() -> Iterator[tuple[str, Probe]]:
    """The world by name, and what is sent in it: from everywhere to every address that anything has, and from each
    resolver and to it."""
    for name, world in worlds().items():
        for origin in _origins(world):
            if origin == CLIENT or origin.node == name:
                probes = (*_everywhere(world, origin), *_resolving(world.states[origin], origin))
                yield from ((name, probe) for probe in probes)


def _origins(world: World) -> list[NamespaceRef]:
    """Where programs run."""
    return [at for at, state in world.states.items() if state.addresses and not at.file.startswith("1-")]


def _everywhere(world: World, origin: NamespaceRef) -> Iterator[Probe]:
    known = {each.interface.ip for state in world.states.values() for each in state.addresses}
    for to in sorted({*known, LOCALHOST}):
        for protocol, port in (("tcp", PUBLISHED), ("tcp", CLOSED), ("udp", CLOSED), ("sctp", CLOSED), ("icmp", None)):
            yield Probe(origin, to, protocol, port, SOURCE_PORT)


def _resolving(state: NetState, origin: NamespaceRef) -> Iterator[Probe]:
    """A question each, and what a resolver would say that wasn't asked: rules meet an answer only if it's that."""
    for rule in state.rules.chain("nat", "DOCKER_POSTROUTING").rules:
        protocol, port = (rule.words[rule.words.index(word) + 1] for word in ("-p", "--sport"))
        yield Probe(origin, RESOLVER, protocol, DNS, SOURCE_PORT)
        yield Probe(origin, RESOLVER, protocol, CLOSED, int(port), RESOLVER)
