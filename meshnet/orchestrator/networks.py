"""Making and removing networks."""

from __future__ import annotations

from ipaddress import IPv4Network

from meshnet.errors import AllocationError, InputError
from meshnet.model import OVERLAY_MTU, Network, NetworkId, NetworkSpec, NetworkStory
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


def create(draft: Draft, spec: NetworkSpec) -> Network:
    """Make a network. Raises ``InputError`` or ``AllocationError`` that says what stands against it."""
    check_name(spec.name, "network")
    if draft.network_named(spec.name) is not None:
        raise InputError(f"network with name {spec.name} already exists")
    return _add(draft, spec, ingress=False)


def create_ingress(draft: Draft, subnet: IPv4Network | None) -> Network:
    """The network of published ports, made as the swarm is formed; ``subnet`` None for the engine's own."""
    return _add(draft, NetworkSpec(INGRESS, subnet or subnets.ingress_subnet(draft)), ingress=True)


def remove(draft: Draft, name: str) -> Network:
    """Remove a network that no service uses. Raises ``InputError`` otherwise."""
    network = draft.network_named(name)
    if network is None:
        raise InputError(f"network {name} not found")
    if network.ingress:
        raise InputError("the ingress network is what publishes ports in a lab; it cannot be removed")
    for service in draft.services.values():
        if network.id in service.networks:
            raise InputError(f"network {network.id} is in use by service {service.id}")
    balancers.forget(draft, network)
    del draft.networks[network.id]
    del draft.taken[network.id]
    draft.last_address.pop(network.id, None)
    return network


def _add(draft: Draft, spec: NetworkSpec, *, ingress: bool) -> Network:
    told = draft.story.networks.get(spec.name, NetworkStory())
    draft.story = draft.story.with_network(spec.name, NetworkStory())
    subnet = subnets.next_subnet(draft) if spec.subnet is None else subnets.check_subnet(draft, spec.name, spec.subnet)
    network = Network(
        id=NetworkId(draft.new_swarm_id(told.id)),
        name=spec.name,
        subnet=subnet,
        gateway=subnet.network_address + 1,
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
