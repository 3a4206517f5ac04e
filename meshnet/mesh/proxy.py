"""What of an engine listens on published ports in its node's own namespace (reference dump, surprise 12).

``docker-proxy`` carries what the rules of a host-mode port leave out: connections to 127.0.0.1. For a port that the
whole swarm publishes the engine itself listens, to keep others off it, and accepts nothing: the rules are ahead of it.
Docker has both for IPv6 as well; nothing here has IPv6.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address

from meshnet.mesh.view import NodeView, SwarmView
from meshnet.model import ClusterState, Protocol


class ProxyKind(StrEnum):
    DOCKER_PROXY = "docker-proxy"
    PLACEHOLDER = "placeholder"


@dataclass(frozen=True, slots=True)
class Proxy:
    """A socket on ``port`` of all of a node's addresses. What comes to a ``docker-proxy`` goes on to ``target_port`` of
    ``target``; a ``placeholder`` has neither."""

    kind: ProxyKind
    protocol: Protocol
    port: int
    target: IPv4Address | None = None
    target_port: int = 0


def proxies(state: ClusterState, node_name: str) -> frozenset[Proxy]:
    """All that listens on the machine of that name; nothing on one that there isn't. SCTP ports are left out."""
    node = state.node_named(node_name)
    if node is None:
        return frozenset()
    view = NodeView(SwarmView(state), node)
    mapped = (
        Proxy(ProxyKind.DOCKER_PROXY, port.protocol, port.published, leg.address.ip, port.target)
        for leg, port in view.mapped_ports()
    )
    kept = (Proxy(ProxyKind.PLACEHOLDER, port.protocol, port.published) for port in view.ingress_ports())
    return frozenset(proxy for proxy in (*mapped, *kept) if proxy.protocol is not Protocol.SCTP)
