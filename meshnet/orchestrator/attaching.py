"""Which networks a container outside services is on, and what it is given there.

moby daemon/container_operations.go; docker-swarm-facts sections 3 and 4.10. The default ``bridge`` gives an address
through the engine's gateways, as ``docker_gwbridge`` does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from ipaddress import IPv4Address
from typing import TypeVar

from meshnet.errors import AllocationError, Refusal, RefusedError
from meshnet.model import Attachment, BridgeNetwork, Container, ContainerId, ContainerSpec, Network, NetworkMode, Node
from meshnet.model.bridge import DEFAULT_BRIDGE
from meshnet.orchestrator import addresses, balancers, bridges, networks
from meshnet.orchestrator.commands import ConnectNetwork, DisconnectNetwork
from meshnet.orchestrator.draft import Draft

DEFAULT = "default"
"""What the docker client says for the default ``bridge``."""

MODES = tuple(NetworkMode)

T = TypeVar("T")


def resolved(draft: Draft, node: Node, spec: ContainerSpec) -> ContainerSpec:
    """``spec`` with its networks by name, if a container on ``node`` may be on all of them; that there is none keeps it
    from starting only. Raises ``RefusedError``."""
    names = {asked: _name_if_there(draft, node, asked) for asked in spec.networks}
    wanted = tuple(dict.fromkeys(names.values()))
    names[DEFAULT] = DEFAULT_BRIDGE
    modes = [name for name in wanted if name in MODES]
    if modes and len(wanted) > 1:
        raise RefusedError(f"conflicting options: cannot attach both user-defined networks and {modes[0]}")
    spec = replace(
        spec, networks=wanted, aliases=_renamed(spec.aliases, names), addresses=_renamed(spec.addresses, names)
    )
    for network, address in spec.addresses.items():
        _wished(network, address)
    return spec


def attach_all(draft: Draft, id: ContainerId) -> None:
    """Give a container that starts its place on each of its networks. Raises ``RefusedError``, ``AllocationError``."""
    for name in draft.containers[id].spec.networks:
        _attach(draft, id, name)


def detach_all(draft: Draft, id: ContainerId) -> None:
    """Take it all back."""
    container = draft.containers[id]
    for attachment in container.attachments:
        addresses.release(draft, draft.networks[attachment.network], attachment.address.ip)
    draft.containers[id] = replace(container, attachments=(), bridges={})


def connect(draft: Draft, command: ConnectNetwork) -> str:
    """Put a container on one more network, at once where it runs. Raises ``RefusedError`` or ``AllocationError``."""
    container = _found(draft, command.container)
    node = draft.nodes[container.node]
    name = _name(draft, node, command.network)
    joined = _joined(container)
    if NetworkMode.HOST in joined or name == NetworkMode.HOST:
        raise RefusedError(
            "cannot connect container to host network - container must be created in host network mode"
            if name == NetworkMode.HOST
            else "container sharing network namespace with another container or host "
            "cannot be connected to any other network",
            Refusal.PERMISSION_DENIED,
        )
    if name == NetworkMode.NONE:
        raise RefusedError(
            "container cannot be connected to multiple networks with one of the networks in private (none) mode",
            Refusal.PERMISSION_DENIED,
        )
    if name in joined:
        raise RefusedError(
            f"endpoint with name {container.name} already exists in network {name}", Refusal.PERMISSION_DENIED
        )
    spec = container.spec
    wished = {name: command.address} if command.address else {}
    for address in wished.values():
        _wished(name, address)
    spec = replace(
        spec,
        networks=(*(each for each in joined if each not in MODES), name),
        aliases={**spec.aliases, name: command.aliases} if command.aliases else spec.aliases,
        addresses={**spec.addresses, **wished},
    )
    draft.containers[container.id] = replace(container, spec=spec)
    if container.placed:
        _attach(draft, container.id, name)
    return f"container {container.name} connected to {name}"


def disconnect(draft: Draft, command: DisconnectNetwork) -> str:
    """Take a container off a network; off its last one it has none. Raises ``RefusedError``."""
    container = _found(draft, command.container)
    node = draft.nodes[container.node]
    name = _name(draft, node, command.network, attaching=False)
    if name == NetworkMode.HOST:
        raise RefusedError("container cannot be disconnected from host network or connected to host network")
    joined = _joined(container)
    if name not in joined:
        raise RefusedError(f"container {container.id} is not connected to network {name}", Refusal.PERMISSION_DENIED)
    left = tuple(each for each in joined if each != name) or (NetworkMode.NONE.value,)
    spec = replace(
        container.spec,
        networks=left,
        aliases={network: names for network, names in container.spec.aliases.items() if network != name},
        addresses={network: wished for network, wished in container.spec.addresses.items() if network != name},
    )
    overlay, bridge = draft.network_named(name), bridges.find(draft, node, name)
    for attachment in container.attachments:
        if overlay is not None and attachment.network == overlay.id:
            addresses.release(draft, overlay, attachment.address.ip)
    draft.containers[container.id] = replace(
        container,
        spec=spec,
        attachments=tuple(each for each in container.attachments if overlay is None or each.network != overlay.id),
        bridges={key: address for key, address in container.bridges.items() if bridge is None or key != bridge.id},
    )
    return f"container {container.name} disconnected from {name}"


def _attach(draft: Draft, id: ContainerId, name: str) -> None:
    container = draft.containers[id]
    if name in MODES or name == DEFAULT_BRIDGE:
        return
    text = container.spec.addresses.get(name)
    wanted = _wished(name, text) if text else None
    network = _network(draft, draft.nodes[container.node], name)
    if isinstance(network, BridgeNetwork):
        given = {**container.bridges, network.id: bridges.take(draft, network, wanted)}
        draft.containers[id] = replace(container, bridges=given)
        return
    _check_attachable(network)
    attachment = Attachment(network.id, addresses.take(draft, network, wanted))
    if not balancers.can_join(draft, draft.nodes[container.node], [network.id]):
        raise AllocationError(f"no address is left on the network {network.name} ({network.subnet})")
    draft.containers[id] = replace(container, attachments=(*container.attachments, attachment))
    balancers.join(draft, container.node, [network.id])


def _network(draft: Draft, node: Node, name: str) -> BridgeNetwork | Network:
    """What a container on ``node`` means by ``name``. Raises ``RefusedError``."""
    bridge = bridges.find(draft, node, name)
    if bridge is not None:
        return bridge
    if node.member:
        return networks.find(draft, name)
    raise RefusedError(f"network {name} not found", Refusal.NOT_FOUND)


def _name(draft: Draft, node: Node, asked: str, *, attaching: bool = True) -> str:
    """A network's own name, if a container on ``node`` may be on it. Raises ``RefusedError``."""
    if asked in (DEFAULT, DEFAULT_BRIDGE):
        return DEFAULT_BRIDGE
    if asked in MODES:
        return asked
    network = _network(draft, node, asked)
    if attaching and isinstance(network, Network):
        _check_attachable(network)
    return network.name


def _name_if_there(draft: Draft, node: Node, asked: str) -> str:
    """As ``_name``; what was asked for where there is no such network. A client takes it that there is none for the
    image's lack, and pulls, if already the container can't be made."""
    try:
        return _name(draft, node, asked)
    except RefusedError as error:
        if error.kind is not Refusal.NOT_FOUND:
            raise
        return asked


def _check_attachable(network: Network) -> None:
    if not network.attachable:
        raise RefusedError(
            f"Could not attach to network {network.name}: rpc error: code = PermissionDenied "
            f"desc = network {network.name} not manually attachable",
            Refusal.PERMISSION_DENIED,
        )


def _wished(network: str, text: str) -> IPv4Address:
    if network in (DEFAULT_BRIDGE, *MODES):
        raise RefusedError("user specified IP address is supported on user defined networks only")
    try:
        return IPv4Address(text)
    except ValueError as error:
        raise RefusedError(f"invalid IPv4 address: {text}") from error


def _joined(container: Container) -> tuple[str, ...]:
    return container.spec.networks or (DEFAULT_BRIDGE,)


def _renamed(by_name: Mapping[str, T], names: Mapping[str, str]) -> dict[str, T]:
    return {names.get(name, name): value for name, value in by_name.items()}


def _found(draft: Draft, id: ContainerId) -> Container:
    container = draft.containers.get(id)
    if container is None:
        raise RefusedError(f"No such container: {id}", Refusal.NOT_FOUND)
    return container
