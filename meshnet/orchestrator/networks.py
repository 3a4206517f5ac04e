"""Making and removing overlay networks.

docker-swarm-facts sections 4.10 and 5.6; swarmkit manager/controlapi/network.go.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

from meshnet.errors import AllocationError, InputError, Refusal, RefusedError
from meshnet.model import OVERLAY_MTU, Container, Network, NetworkId, NetworkSpec, NetworkStory, Task
from meshnet.model.names import check_name
from meshnet.model.network import INGRESS
from meshnet.orchestrator import balancers, subnets
from meshnet.orchestrator.draft import Draft

FIRST_VNI, LAST_VNI = 4096, (1 << 24) - 1
MTU_OPTION = "com.docker.network.driver.mtu"
VNI_OPTION = "com.docker.network.driver.overlay.vxlanid_list"
VXLAN_OVERHEAD = 50
SMALLEST_MTU = 68
"""The least that IPv4 can do with."""


NO_SWARM = (
    'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm '
    "and try again."
)
PREDEFINED = ("bridge", "host", "none")
"""Networks every engine has; nobody makes or removes them."""


def create(draft: Draft, spec: NetworkSpec) -> Network:
    """Make an overlay network. Raises ``InputError`` or ``AllocationError`` that says what stands against it."""
    if draft.swarm is None:
        raise RefusedError(NO_SWARM, Refusal.UNAVAILABLE)
    check_name(spec.name, "network")
    check_not_predefined(spec.name)
    if draft.network_named(spec.name) is not None:
        raise RefusedError(f"network with name {spec.name} already exists", Refusal.ALREADY_EXISTS)
    if spec.ingress and spec.attachable:
        raise RefusedError("ingress network cannot be attachable")
    if spec.ingress and draft.ingress is not None:
        raise RefusedError(f"ingress network ({draft.ingress.id}) is already present", Refusal.ALREADY_EXISTS)
    if spec.ingress and spec.subnet is None:
        spec = replace(spec, subnet=subnets.ingress_subnet(draft))
    return _add(draft, spec, ingress=spec.ingress)


def create_ingress(draft: Draft, subnet: IPv4Network | None) -> Network:
    """The network of published ports, made as the swarm is formed; ``subnet`` None for the engine's own."""
    return _add(draft, NetworkSpec(INGRESS, subnet or subnets.ingress_subnet(draft)), ingress=True)


def find(draft: Draft, name: str) -> Network:
    """The network of that id, that name, or whose id alone begins so. Raises ``RefusedError``."""
    there = {id: network for id, network in draft.networks.items() if not network.going}
    exactly = there.get(NetworkId(name)) or draft.network_named(name)
    found = [exactly] if exactly else [network for id, network in there.items() if name and id.startswith(name)]
    if len(found) > 1:
        raise RefusedError(f"network {name} is ambiguous ({len(found)} matches found on ID prefix)")
    if not found:
        raise RefusedError(f"network {name} not found", Refusal.NOT_FOUND)
    return found[0]


def remove(draft: Draft, name: str) -> Network:
    """Remove a network that nobody wants; what is on its way to its end may still be on it. Raises ``InputError``
    otherwise."""
    if name in PREDEFINED:
        raise RefusedError(f"{name} is a pre-defined network and cannot be removed", Refusal.PERMISSION_DENIED)
    network = find(draft, name)
    _check_unused(draft, network)
    draft.networks[network.id] = replace(network, going=True)
    reap(draft)
    return network


def reap(draft: Draft) -> None:
    """Let go of the networks that are going and that nobody is on any more."""
    used = {attachment.network for user in _users(draft) for attachment in user.attachments}
    for network in [network for network in draft.networks.values() if network.going and network.id not in used]:
        balancers.forget(draft, network)
        del draft.networks[network.id]
        del draft.taken[network.id]
        draft.last_address.pop(network.id, None)


def check_not_predefined(name: str) -> None:
    """Raises ``RefusedError`` for a name that is every engine's own."""
    if name in PREDEFINED:
        raise RefusedError(f"operation is not permitted on predefined {name} network", Refusal.PERMISSION_DENIED)


def check_gateway(subnet: IPv4Network, gateway: IPv4Address | None) -> IPv4Address:
    """The gateway asked for, or a subnet's first address. Raises ``RefusedError`` for one that is not of it."""
    if gateway is None:
        return subnet.network_address + 1
    if gateway not in subnet or gateway in (subnet.network_address, subnet.broadcast_address):
        raise RefusedError(f"invalid network config: no configured subnet contains gateway {gateway}")
    return gateway


def _check_unused(draft: Draft, network: Network) -> None:
    for service in draft.services.values():
        if network.ingress and service.ingress_ports:
            raise RefusedError(
                f"ingress network cannot be removed because service {service.id} depends on it",
                Refusal.FAILED_PRECONDITION,
            )
        if network.id in service.networks:
            raise RefusedError(f"network {network.id} is in use by service {service.id}", Refusal.FAILED_PRECONDITION)
    for user in _users(draft):
        on_its_way_out = isinstance(user, Task) and (user.ended or not user.wanted)
        if not on_its_way_out and any(attachment.network == network.id for attachment in user.attachments):
            what = "task" if isinstance(user, Task) else "container"
            raise RefusedError(f"network {network.id} is in use by {what} {user.id}", Refusal.FAILED_PRECONDITION)


def _users(draft: Draft) -> Iterator[Task | Container]:
    yield from draft.tasks.values()
    yield from draft.containers.values()


def _add(draft: Draft, spec: NetworkSpec, *, ingress: bool) -> Network:
    told = draft.story.networks.get(spec.name, NetworkStory())
    draft.story = draft.story.with_network(spec.name, NetworkStory())
    subnet = subnets.next_subnet(draft) if spec.subnet is None else subnets.check_subnet(draft, spec.name, spec.subnet)
    network = Network(
        id=NetworkId(draft.new_swarm_id(told.id)),
        name=spec.name,
        subnet=subnet,
        gateway=check_gateway(subnet, spec.gateway),
        vni=_vni(draft, spec, told.vni),
        ingress=ingress,
        internal=spec.internal,
        attachable=spec.attachable,
        mtu=_mtu(spec),
        labels=spec.labels,
        options=spec.options,
    )
    draft.networks[network.id] = network
    draft.taken[network.id] = {network.gateway}
    draft.last_address[network.id] = network.gateway
    balancers.set_aside(draft, network)
    return network


def _vni(draft: Draft, spec: NetworkSpec, told: int | None) -> int:
    """Given serially; the driver's option or the story may name one."""
    taken = {network.vni for network in draft.networks.values()}
    wanted = _number(spec, VNI_OPTION, 1, LAST_VNI) or told
    if wanted is not None:
        if wanted in taken:
            raise AllocationError(f"the network {spec.name} asks for the VXLAN id {wanted}, which another one has")
        return wanted
    count = LAST_VNI - FIRST_VNI + 1
    while draft.next_vni in taken:
        draft.next_vni = FIRST_VNI + (draft.next_vni + 1 - FIRST_VNI) % count
    given = draft.next_vni
    draft.next_vni = FIRST_VNI + (given + 1 - FIRST_VNI) % count
    return given


def _mtu(spec: NetworkSpec) -> int:
    """What is left for frames of the option's size; docker-swarm-facts section 1.3."""
    asked = _number(spec, MTU_OPTION, SMALLEST_MTU + VXLAN_OVERHEAD, 65535)
    return OVERLAY_MTU if asked is None else asked - VXLAN_OVERHEAD


def _number(spec: NetworkSpec, option: str, least: int, most: int) -> int | None:
    text = spec.options.get(option)
    if text is None:
        return None
    if not text.isdecimal() or not least <= int(text) <= most:
        raise InputError(f"the network {spec.name}'s option {option} is a number from {least} to {most}, not {text!r}")
    return int(text)
