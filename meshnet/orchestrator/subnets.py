"""Subnets of networks: the ingress network's, and those of the swarm's pool.

docker-swarm-facts sections 1.14 and 4.9; libnetwork ipam/allocator.go getPredefinedPool.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network

from meshnet.errors import AllocationError
from meshnet.model import Generation
from meshnet.orchestrator.draft import Draft

POOL = IPv4Network("10.0.0.0/8")
POOL_PREFIX = 24

EARLY_INGRESS = IPv4Network("10.255.0.0/16")
"""What the ingress network was before 19.03, when it came to be the pool's first subnet."""

SMALLEST_PREFIX = 29
"""A gateway, a load balancer, a VIP and a task make four addresses; a /29 has six."""


def ingress_subnet(draft: Draft) -> IPv4Network:
    """The ingress network's, as the leader's engine has it. Raises ``AllocationError`` if the machines stand there."""
    if draft.leader.generation not in (Generation.G18_03, Generation.G18_06):
        return next_subnet(draft)
    for reserved in draft.reserved_subnets:
        if EARLY_INGRESS.overlaps(reserved):
            raise AllocationError(
                f"engines before 19.03 give the ingress network {EARLY_INGRESS}, "
                f"which overlaps {reserved}, where the machines stand; give one of the two another subnet"
            )
    return EARLY_INGRESS


def next_subnet(draft: Draft) -> IPv4Network:
    """The pool's next subnet that overlaps nothing, after the last one given; 18.03 begins at the first each time.

    Raises ``AllocationError`` when the pool has no more.
    """
    serially = draft.leader.generation is not Generation.G18_03
    for subnet in _pool(draft.last_subnet if serially else None):
        if overlapped(draft, subnet) is None:
            draft.last_subnet = subnet
            return subnet
    raise AllocationError(f"the pool {POOL} has no subnet of {POOL_PREFIX} bits left for a network")


def check_subnet(draft: Draft, name: str, subnet: IPv4Network) -> IPv4Network:
    """``subnet``, if the network ``name`` can have it; ``AllocationError`` naming what it overlaps if not."""
    if subnet.prefixlen > SMALLEST_PREFIX:
        raise AllocationError(
            f"the network {name} asks for the subnet {subnet}, and a /{SMALLEST_PREFIX} is the smallest of use here"
        )
    other = overlapped(draft, subnet)
    if other is not None:
        raise AllocationError(f"the network {name} asks for the subnet {subnet}, which overlaps {other}")
    return subnet


def overlapped(draft: Draft, subnet: IPv4Network) -> str | None:
    """What ``subnet`` overlaps, in words: the underlay or another network."""
    for reserved in draft.reserved_subnets:
        if subnet.overlaps(reserved):
            return f"{reserved}, where the machines stand"
    for network in draft.networks.values():
        if subnet.overlaps(network.subnet):
            return f"{network.subnet} of the network {network.name}"
    return None


def _pool(last: IPv4Network | None) -> Iterator[IPv4Network]:
    """All of the pool's subnets, from the one after ``last`` round to it."""
    size = 1 << (32 - POOL_PREFIX)
    count = POOL.num_addresses // size
    start = 0 if last is None else (int(last.network_address) - int(POOL.network_address)) // size + 1
    for step in range(count):
        yield IPv4Network((int(POOL.network_address) + (start + step) % count * size, POOL_PREFIX))
