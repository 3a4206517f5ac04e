"""The embedded resolver's rules: what a container asks of 127.0.0.11 comes to a socket of its engine's, in its own
namespace.

Docker draws that socket's ports. Here they follow from the sandbox, so that whoever renders the rules and whoever opens
the sockets agree. docker-swarm-facts section 2.3; libnetwork resolver_unix.go and sandbox_dns_unix.go.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address

from meshnet.mesh.draft import Drafts
from meshnet.mesh.iptables import RulesetDraft
from meshnet.mesh.view import NodeView, Occupant, SwarmView
from meshnet.model import BridgeNetwork, ClusterState, Container, Membership, Network, NetworkId
from meshnet.model.ids import derived_id
from meshnet.netstate import NamespaceRef

ADDRESS = IPv4Address("127.0.0.11")
PORT = 53

FIRST_PORT, LAST_PORT = 32768, 60999
"""The kernel's own range for ports that nobody chose."""

OUTPUT = "DOCKER_OUTPUT"
POSTROUTING = "DOCKER_POSTROUTING"


@dataclass(frozen=True, slots=True)
class ResolverPorts:
    """Where a sandbox's resolver really listens on 127.0.0.11."""

    udp: int
    tcp: int


def ports(sandbox: NamespaceRef) -> ResolverPorts:
    """The ports of a sandbox's resolver: always the same, and never one for both."""
    drawn = derived_id(sandbox.node, sandbox.file, "resolver")
    room = LAST_PORT - FIRST_PORT + 1
    udp = int(drawn[:8], 16) % room
    tcp = (udp + 1 + int(drawn[8:16], 16) % (room - 1)) % room
    return ResolverPorts(FIRST_PORT + udp, FIRST_PORT + tcp)


def sandboxes(state: ClusterState) -> dict[NamespaceRef, tuple[NetworkId, ...]]:
    """Every sandbox of every machine that has a resolver, and the networks it looks names up on, in that order."""
    swarm = SwarmView(state)
    return {
        sandbox: networks
        for node in state.nodes.values()
        if node.membership is not Membership.LEFT
        for sandbox, networks in _of_node(NodeView(swarm, node))
    }


def render(view: NodeView, drafts: Drafts) -> None:
    """Lead every such sandbox's questions to its resolver. Docker puts these rules above whatever is there."""
    for sandbox, _ in _of_node(view):
        _redirect(drafts[sandbox].iptables, ports(sandbox))


def has_resolver(occupant: Occupant) -> bool:
    """Whether a container that has a namespace has a resolver in it: one with no network but the default ``bridge``, or
    with none at all, asks the node's name servers itself."""
    return bool(networks_of(occupant))


def networks_of(occupant: Occupant) -> tuple[NetworkId, ...]:
    """The networks, overlays and bridges that somebody made, that a container is on."""
    bridges = occupant.bridges if isinstance(occupant, Container) else ()
    return (*(attachment.network for attachment in occupant.attachments), *bridges)


def _of_node(view: NodeView) -> Iterator[tuple[NamespaceRef, tuple[NetworkId, ...]]]:
    for network in view.networks:
        balancer = view.balancer(network)
        if balancer is not None:
            yield balancer, _search_order(view.state, (network.id,))
    for occupant in view.occupants:
        if has_resolver(occupant):
            yield view.sandbox(occupant), _search_order(view.state, networks_of(occupant))


def _search_order(state: ClusterState, joined: tuple[NetworkId, ...]) -> tuple[NetworkId, ...]:
    """Overlays, then bridges (libnetwork sandbox.go ResolveName); among each, those that lead out, then by name
    (endpoint.go Less). The ingress network has no names."""
    overlays = [state.networks[id] for id in joined if id in state.networks and not state.networks[id].ingress]
    bridges = [state.bridges[id] for id in joined if id in state.bridges]
    return tuple(network.id for group in (overlays, bridges) for network in sorted(group, key=_rank))


def _rank(network: Network | BridgeNetwork) -> tuple[bool, str]:
    return (network.internal, network.name)


def _redirect(iptables: RulesetDraft, to: ResolverPorts) -> None:
    for chain, own in (("OUTPUT", OUTPUT), ("POSTROUTING", POSTROUTING)):
        iptables.new_chain("nat", own)
        iptables.insert("nat", chain, f"-d {ADDRESS}/32 -j {own}")
    for protocol, port in (("udp", to.udp), ("tcp", to.tcp)):
        match = f"-p {protocol} -m {protocol}"
        iptables.insert(
            "nat", OUTPUT, f"-d {ADDRESS}/32 {match} --dport {PORT} -j DNAT --to-destination {ADDRESS}:{port}"
        )
        iptables.insert("nat", POSTROUTING, f"-s {ADDRESS}/32 {match} --sport {port} -j SNAT --to-source :{PORT}")
