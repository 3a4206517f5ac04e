"""The networks that one node's engine knows: its own, those somebody made on it, and the swarm's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network

from meshnet.model import BridgeNetwork, ClusterState, Network, NetworkMode, Node
from meshnet.model.bridge import BRIDGE_NAME_OPTION, DEFAULT_BRIDGE, GWBRIDGE
from meshnet.model.ids import derived_id

LOCAL, SWARM = "local", "swarm"
VNI_OPTION = "com.docker.network.driver.overlay.vxlanid_list"
_BRIDGE = "com.docker.network.bridge"


@dataclass(frozen=True, slots=True)
class Seen:
    """One network as its engine shows it. ``overlay`` or ``bridge`` is what it is in the model, where it is there.

    ``created`` is in nanoseconds, 0 for one that the engine made when it was started first.
    """

    id: str
    name: str
    driver: str
    scope: str
    subnet: IPv4Network | None = None
    gateway: IPv4Address | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    created: int = 0
    internal: bool = False
    attachable: bool = False
    ingress: bool = False
    overlay: Network | None = None
    bridge: BridgeNetwork | None = None

    @property
    def predefined(self) -> bool:
        """Whether the engine made it for itself; nobody removes it."""
        return self.scope == LOCAL and self.bridge is None


def on(state: ClusterState, node: Node) -> list[Seen]:
    """A node's networks, by name. A worker knows of the swarm's only those that it takes part in."""
    own = [_predefined(node, name) for name in _predefined_names(node)]
    made = [_made(bridge) for bridge in state.bridges.values() if bridge.node == node.id]
    return sorted([*own, *made, *_overlays(state, node)], key=lambda network: network.name)


def predefined_id(node: Node, name: str) -> str:
    """The id of a network that every engine has. It goes by the machine's name: it outlives the node's in a swarm."""
    return derived_id("network", node.name, name)


def overlay(network: Network) -> Seen:
    return Seen(
        id=network.id,
        name=network.name,
        driver="overlay",
        scope=SWARM,
        subnet=network.subnet,
        gateway=network.gateway,
        options={VNI_OPTION: str(network.vni), **network.options},
        labels=network.labels,
        created=network.meta.created,
        internal=network.internal,
        attachable=network.attachable,
        ingress=network.ingress,
        overlay=network,
    )


def _overlays(state: ClusterState, node: Node) -> Iterator[Seen]:
    if not node.member:
        return
    for network in state.networks.values():
        if network.going:
            continue
        if node.manages or network.id in node.attachments:
            yield overlay(network)


def _predefined_names(node: Node) -> tuple[str, ...]:
    names = (DEFAULT_BRIDGE, *(mode.value for mode in NetworkMode))
    return (*names, GWBRIDGE) if node.engine.gwbridge_made else names


def _predefined(node: Node, name: str) -> Seen:
    id = predefined_id(node, name)
    if name == GWBRIDGE:
        return Seen(
            id,
            name,
            "bridge",
            LOCAL,
            subnet=node.engine.gwbridge,
            gateway=node.engine.gwbridge.network_address + 1,
            options={
                f"{_BRIDGE}.enable_icc": "false",
                f"{_BRIDGE}.enable_ip_masquerade": "true",
                BRIDGE_NAME_OPTION: GWBRIDGE,
            },
        )
    if name == DEFAULT_BRIDGE:
        return Seen(
            id,
            name,
            "bridge",
            LOCAL,
            subnet=node.engine.docker0,
            gateway=node.engine.docker0.network_address + 1,
            options={
                f"{_BRIDGE}.default_bridge": "true",
                f"{_BRIDGE}.enable_icc": "true",
                f"{_BRIDGE}.enable_ip_masquerade": "true",
                f"{_BRIDGE}.host_binding_ipv4": "0.0.0.0",
                BRIDGE_NAME_OPTION: "docker0",
                "com.docker.network.driver.mtu": "1500",
            },
        )
    return Seen(id, name, "null" if name == NetworkMode.NONE else name, LOCAL)


def _made(bridge: BridgeNetwork) -> Seen:
    return Seen(
        id=bridge.id,
        name=bridge.name,
        driver="bridge",
        scope=LOCAL,
        subnet=bridge.subnet,
        gateway=bridge.gateway,
        options=bridge.options,
        labels=bridge.labels,
        created=bridge.created,
        internal=bridge.internal,
        attachable=bridge.attachable,
        bridge=bridge,
    )
