"""Bridge networks that somebody makes on a node, and the addresses that its engine gives on them.

docker-swarm-facts section 3; moby daemon/network.go, libnetwork drivers/bridge. Local pools are not serial: the lowest
free address is given.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from meshnet.errors import AllocationError, Refusal, RefusedError
from meshnet.model import BridgeNetwork, NetworkId, NetworkSpec, Node
from meshnet.model.bridge import BRIDGE_NAME_OPTION, GWBRIDGE
from meshnet.orchestrator import networks, nodes
from meshnet.orchestrator.commands import CreateBridge, RemoveBridge
from meshnet.orchestrator.draft import Draft
from meshnet.orchestrator.gwbridge import POOLS

DOCKER0 = "docker0"
SWITCHES = (
    "com.docker.network.bridge.enable_icc",
    "com.docker.network.bridge.enable_ip_masquerade",
)
"""Options that say yes or no."""

_BOOLEANS = ("1", "t", "T", "true", "TRUE", "True", "0", "f", "F", "false", "FALSE", "False")
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*")
_LINK = re.compile(r"[a-zA-Z0-9_.-]{1,15}")
_OVERLAPS = "invalid pool request: Pool overlaps with other one on this address space"
_NONE_LEFT = "all predefined address pools have been fully subnetted"


def create(draft: Draft, command: CreateBridge) -> str:
    """Make a bridge network on a machine. Raises ``RefusedError``."""
    node, spec = nodes.machine(draft, command.node), command.spec
    if not _NAME.fullmatch(spec.name):
        raise RefusedError(
            f"{spec.name} includes invalid characters for a local network name, "
            "only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"
        )
    networks.check_not_predefined(spec.name)
    names = {bridge.name for bridge in on(draft, node)} | {GWBRIDGE}
    if spec.name in names or (node.member and draft.network_named(spec.name) is not None):
        raise RefusedError(f"network with name {spec.name} already exists", Refusal.ALREADY_EXISTS)
    subnet = _subnet(draft, node, spec.subnet)
    made = BridgeNetwork(
        id=NetworkId(draft.new_container_id(kind="network")),
        node=node.id,
        name=spec.name,
        subnet=subnet,
        gateway=networks.check_gateway(subnet, spec.gateway),
        internal=spec.internal,
        attachable=spec.attachable,
        labels=spec.labels,
        options=spec.options,
        created=draft.now,
    )
    _check_options(draft, node, spec, made)
    draft.bridges[made.id] = made
    return f"network {made.name} created on {node.name} with {made.subnet}"


def remove(draft: Draft, command: RemoveBridge) -> str:
    """Remove a machine's bridge network that no container is on. Raises ``RefusedError``."""
    node = nodes.machine(draft, command.node)
    if command.name in networks.PREDEFINED:
        raise RefusedError(f"{command.name} is a pre-defined network and cannot be removed", Refusal.PERMISSION_DENIED)
    if command.name == GWBRIDGE:
        raise RefusedError(
            f"error while removing network: network {GWBRIDGE} has active endpoints", Refusal.PERMISSION_DENIED
        )
    bridge = find(draft, node, command.name)
    if bridge is None:
        raise RefusedError(f"network {command.name} not found", Refusal.NOT_FOUND)
    if any(bridge.id in container.bridges for container in draft.containers.values()):
        raise RefusedError(
            f"error while removing network: network {bridge.name} id {bridge.id} has active endpoints",
            Refusal.PERMISSION_DENIED,
        )
    del draft.bridges[bridge.id]
    return f"network {bridge.name} removed from {node.name}"


def on(draft: Draft, node: Node) -> list[BridgeNetwork]:
    """A machine's bridge networks, in the order they were made."""
    return [bridge for bridge in draft.bridges.values() if bridge.node == node.id]


def find(draft: Draft, node: Node, name: str) -> BridgeNetwork | None:
    """A machine's bridge network of that id or name, or whose id alone begins so."""
    there = on(draft, node)
    exact = [bridge for bridge in there if name in (bridge.id, bridge.name)]
    begins = [bridge for bridge in there if name and bridge.id.startswith(name)]
    return exact[0] if exact else begins[0] if len(begins) == 1 else None


def take(draft: Draft, bridge: BridgeNetwork, wanted: IPv4Address | None = None) -> IPv4Interface:
    """The lowest address that is free, or ``wanted``. Raises ``AllocationError`` or ``RefusedError``."""
    taken = {bridge.gateway} | {
        container.bridges[bridge.id].ip for container in draft.containers.values() if bridge.id in container.bridges
    }
    if wanted is not None:
        if wanted not in bridge.subnet:
            raise RefusedError(f"no configured subnet contains IP address {wanted}")
        if wanted in taken or wanted in (bridge.subnet.network_address, bridge.subnet.broadcast_address):
            raise RefusedError("Address already in use", Refusal.PERMISSION_DENIED)
        return IPv4Interface((wanted, bridge.subnet.prefixlen))
    for offset in range(1, bridge.subnet.num_addresses - 1):
        if bridge.subnet[offset] not in taken:
            return IPv4Interface((bridge.subnet[offset], bridge.subnet.prefixlen))
    raise AllocationError(f"no address is left on the network {bridge.name} ({bridge.subnet})")


def _subnet(draft: Draft, node: Node, asked: IPv4Network | None) -> IPv4Network:
    taken = (
        node.engine.docker0,
        node.engine.gwbridge,
        *(bridge.subnet for bridge in on(draft, node)),
        *draft.reserved_subnets,
    )
    if asked is not None:
        if any(asked.overlaps(other) for other in taken):
            raise RefusedError(_OVERLAPS, Refusal.PERMISSION_DENIED)
        if asked.num_addresses < 4:
            raise RefusedError(f"the subnet {asked} has no room for a gateway and a container")
        return asked
    for subnet in POOLS:
        if not any(subnet.overlaps(other) for other in taken):
            return subnet
    raise RefusedError(_NONE_LEFT, Refusal.UNKNOWN)


def _check_options(draft: Draft, node: Node, spec: NetworkSpec, made: BridgeNetwork) -> None:
    for switch in SWITCHES:
        value = spec.options.get(switch)
        if value is not None and value not in _BOOLEANS:
            raise RefusedError(f'invalid value for {switch}: strconv.ParseBool: parsing "{value}": invalid syntax')
    link = spec.options.get(BRIDGE_NAME_OPTION)
    if link is None:
        return
    if not _LINK.fullmatch(link):
        raise RefusedError(f"{link!r} is no name for a bridge: up to 15 letters, digits and _ . -")
    own = {DOCKER0: "bridge", GWBRIDGE: GWBRIDGE, **{bridge.link: bridge.name for bridge in on(draft, node)}}
    if link in own:
        raise RefusedError(
            f"cannot create network {made.id} ({link}): conflicts with network {own[link]}: "
            "networks have same bridge name",
            Refusal.PERMISSION_DENIED,
        )
