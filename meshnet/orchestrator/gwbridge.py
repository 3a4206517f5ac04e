"""``docker_gwbridge`` and ``docker0``: node-local bridges, whose addresses each engine gives by itself.

docker-swarm-facts section 3; libnetwork ipamutils/utils.go. Unlike swarm's, local pools are not serial: the lowest free
address is given, so that a stopped container's is the next one's (ipam/allocator.go RequestAddress; only swarm's
cnmallocator asks for serial ones).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from ipaddress import IPv4Address, IPv4Network

from meshnet.errors import AllocationError

POOLS = (
    *(IPv4Network(f"172.{second}.0.0/16") for second in range(17, 32)),
    *IPv4Network("192.168.0.0/16").subnets(new_prefix=20),
)
"""What local networks get their subnets from, in this order."""


def choose(asked: IPv4Network | None, avoided: Collection[IPv4Network]) -> tuple[IPv4Network, IPv4Network]:
    """The subnets of ``docker0`` and ``docker_gwbridge``: the first two of the pools that overlap nothing in
    ``avoided``, or for the latter the one ``asked``. Raises ``AllocationError`` when the pools have none."""
    docker0 = _first_free((*avoided, *((asked,) if asked else ())))
    return docker0, asked or _first_free((*avoided, docker0))


def next_address(subnet: IPv4Network, taken: Iterable[IPv4Address]) -> IPv4Address:
    """The lowest address of ``subnet`` after the bridge's own that is not ``taken``. Raises ``AllocationError``."""
    given = set(taken)
    for offset in range(2, subnet.num_addresses - 1):
        if subnet[offset] not in given:
            return subnet[offset]
    raise AllocationError(f"no address is left on the bridge {subnet}")


def _first_free(avoided: Collection[IPv4Network]) -> IPv4Network:
    for subnet in POOLS:
        if not any(subnet.overlaps(other) for other in avoided):
            return subnet
    raise AllocationError(f"no subnet from {POOLS[0]} to {POOLS[-1]} is free for a node's bridge")
