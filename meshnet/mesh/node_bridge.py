"""The bridge networks of one node, whoever made them: ``docker0``, ``docker_gwbridge``, and somebody's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv4Network

from meshnet.mesh import names
from meshnet.model import BridgeNetwork, ClusterState, EngineState, Node

BRIDGE_MTU = 1500

ICC_OPTION = "com.docker.network.bridge.enable_icc"
MASQUERADE_OPTION = "com.docker.network.bridge.enable_ip_masquerade"
MTU_OPTION = "com.docker.network.driver.mtu"


@dataclass(frozen=True, slots=True)
class NodeBridge:
    """One bridge network as its driver knows it: ``network`` is its name, ``link`` its interface, ``address`` that
    interface's and so its containers' way out.

    ``icc`` says whether containers on it may talk to each other across it, ``masquerade`` whether what they send out
    bears the node's address. ``mtu`` is in bytes.
    """

    network: str
    link: str
    address: IPv4Interface
    internal: bool = False
    icc: bool = True
    masquerade: bool = True
    mtu: int = BRIDGE_MTU

    @property
    def subnet(self) -> IPv4Network:
        return self.address.network

    @property
    def order(self) -> tuple[bool, bool, str]:
        """Which of a container's bridges is its way out: the lowest (libnetwork endpoint.go Less)."""
        return (self.link == names.GWBRIDGE, self.internal, self.network)


def docker0(engine: EngineState) -> NodeBridge:
    """The engine's own default ``bridge``."""
    return NodeBridge("bridge", names.DOCKER0, _first(engine.docker0))


def gwbridge(engine: EngineState) -> NodeBridge:
    """The way out for containers on overlay networks; they can't talk to each other across it."""
    return NodeBridge(names.GWBRIDGE, names.GWBRIDGE, _first(engine.gwbridge), icc=False)


def made(network: BridgeNetwork) -> NodeBridge:
    """One that somebody made."""
    options = network.options
    return NodeBridge(
        network.name,
        network.link,
        IPv4Interface((network.gateway, network.subnet.prefixlen)),
        internal=network.internal,
        icc=_says_yes(options, ICC_OPTION),
        masquerade=_says_yes(options, MASQUERADE_OPTION),
        mtu=int(options.get(MTU_OPTION, BRIDGE_MTU)),
    )


def of_node(state: ClusterState, node: Node) -> tuple[NodeBridge, ...]:
    """All of a node's, in the order they are made."""
    return (
        docker0(node.engine),
        *((gwbridge(node.engine),) if node.engine.gwbridge_made else ()),
        *(made(network) for network in state.bridges.values() if network.node == node.id),
    )


def _first(subnet: IPv4Network) -> IPv4Interface:
    return IPv4Interface((subnet.network_address + 1, subnet.prefixlen))


def _says_yes(options: Mapping[str, str], name: str) -> bool:
    """Go's ``strconv.ParseBool``, by which Docker reads them; one that is not said is on."""
    return options.get(name, "true") in ("1", "t", "T", "true", "TRUE", "True")
