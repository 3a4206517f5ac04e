"""Endpoints: what joins a container's sandbox, or a balancer's, to a network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface

from meshnet.engine_api.containers.residents import Resident
from meshnet.engine_api.networks import seen
from meshnet.model import ClusterState, Network, NetworkMode, Node
from meshnet.model.bridge import DEFAULT_BRIDGE
from meshnet.model.ids import derived_id
from meshnet.model.node import INGRESS_SBOX


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A container's place on a network; ``address`` is None on ``none`` and ``host``, and while it doesn't run. An
    overlay has no ``gateway``: the way out is ``docker_gwbridge``'s."""

    network: str
    network_id: str
    id: str = ""
    address: IPv4Interface | None = None
    gateway: IPv4Address | None = None


def endpoint_id(owner: str, network: str) -> str:
    """An endpoint's id: 64 hexadecimal digits that follow from whose it is and where."""
    return derived_id("endpoint", owner, network)


def of_resident(state: ClusterState, resident: Resident) -> list[Endpoint]:
    """A container's endpoints, in the order it joined; those it will have where it doesn't run."""
    found = list(_joined(state, resident))
    if found or resident.is_task:
        return found
    names = resident.networks or (DEFAULT_BRIDGE,)
    return [Endpoint(name, network_id(state, resident.node, name)) for name in names]


def on_default_bridge(resident: Resident) -> IPv4Interface | None:
    """Its address on ``docker0``, if it has one there: it has no overlay then."""
    address = resident.node.engine.gateways.get(resident.id)
    subnet = resident.node.engine.docker0
    return IPv4Interface((address, subnet.prefixlen)) if address is not None and address in subnet else None


def network_id(state: ClusterState, node: Node, name: str) -> str:
    """The id of the network that a container on ``node`` is on by ``name``; empty when there is none any more."""
    for bridge in state.bridges.values():
        if bridge.node == node.id and name == bridge.name:
            return bridge.id
    network = state.network_named(name)
    if network is not None:
        return network.id
    return seen.predefined_id(node, name) if name in (DEFAULT_BRIDGE, *NetworkMode) else ""


def balancer_name(network: Network) -> tuple[str, str]:
    """How a network's balancer is called among its containers: its key, and its name."""
    return (INGRESS_SBOX, "ingress-endpoint") if network.ingress else (f"lb-{network.name}", f"{network.name}-endpoint")


def _joined(state: ClusterState, resident: Resident) -> Iterator[Endpoint]:
    node = resident.node
    if not resident.running and resident.status != "created":
        return
    for attachment in resident.attachments:
        network = state.networks.get(attachment.network)
        if network is not None:
            yield Endpoint(network.name, network.id, endpoint_id(resident.id, network.id), attachment.address)
    for bridge_id, address in resident.bridges.items():
        bridge = state.bridges[bridge_id]
        yield Endpoint(bridge.name, bridge.id, endpoint_id(resident.id, bridge.id), address, bridge.gateway)
    default = on_default_bridge(resident)
    if default is not None:
        id = seen.predefined_id(node, DEFAULT_BRIDGE)
        gateway = node.engine.docker0.network_address + 1
        yield Endpoint(DEFAULT_BRIDGE, id, endpoint_id(resident.id, id), default, gateway)
    if resident.running:
        for mode in NetworkMode:
            if mode in resident.networks:
                id = seen.predefined_id(node, mode)
                yield Endpoint(mode, id, endpoint_id(resident.id, id))
