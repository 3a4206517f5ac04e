"""Subnets of networks: the ingress network's, and those of the swarm's pool.

docker-swarm-facts sections 1.14 and 4.9; libnetwork ipam/allocator.go getPredefinedPool.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network

from meshnet.errors import AllocationError, RefusedError
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
    pool, prefix = (draft.swarm.pool, draft.swarm.pool_prefix) if draft.swarm else (POOL, POOL_PREFIX)
    for subnet in _pool(pool, prefix, draft.last_subnet if serially else None):
        if overlapped(draft, subnet) is None:
            draft.last_subnet = subnet
            return subnet
    raise AllocationError(f"the pool {pool} has no subnet of {prefix} bits left for a network")


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


def parse_pool(pool: str, prefix: int) -> tuple[IPv4Network, int]:
    """The pool that ``docker swarm init --default-addr-pool`` asks for, and its subnets' prefix; ``""`` and 0 are
    Docker's own. Raises ``RefusedError``."""
    try:
        found = IPv4Network(pool) if pool else POOL
    except ValueError as error:
        raise RefusedError(f"invalid default address pool {pool!r}: {error}") from error
    prefix = prefix or max(POOL_PREFIX, found.prefixlen)
    if not found.prefixlen <= prefix <= SMALLEST_PREFIX:
        raise RefusedError(
            f"the subnets of the pool {found} have from {found.prefixlen} to {SMALLEST_PREFIX} bits, and not {prefix}"
        )
    return found, prefix


def _pool(pool: IPv4Network, prefix: int, last: IPv4Network | None) -> Iterator[IPv4Network]:
    """All of a pool's subnets, from the one after ``last`` round to it."""
    size = 1 << (32 - prefix)
    count = pool.num_addresses // size
    start = 0 if last is None else (int(last.network_address) - int(pool.network_address)) // size + 1
    for step in range(count):
        yield IPv4Network((int(pool.network_address) + (start + step) % count * size, prefix))
