"""Addresses on an overlay network: given serially, so that one that came free is not soon given again.

docker-swarm-facts section 4.9; libnetwork ipam/allocator.go and bitseq with the serial option, which only swarm sets.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Interface

from meshnet.errors import AllocationError
from meshnet.model import Network
from meshnet.orchestrator.draft import Draft


def take(draft: Draft, network: Network, wanted: IPv4Address | None = None) -> IPv4Interface:
    """The next free address after the last one given, or ``wanted``, which is remembered by nobody as the last.

    Raises ``AllocationError`` when none is left, or ``wanted`` is not to be had.
    """
    address = _next(draft, network) if wanted is None else _asked(draft, network, wanted)
    draft.taken[network.id].add(address)
    if wanted is None:
        draft.last_address[network.id] = address
    return IPv4Interface((address, network.subnet.prefixlen))


def release(draft: Draft, network: Network, address: IPv4Address) -> None:
    """Take an address back."""
    draft.taken[network.id].discard(address)


def has_room(draft: Draft, network: Network) -> bool:
    """Whether there is an address left to give."""
    given = draft.taken[network.id].union(draft.story.addresses_on(network.name))
    return len(given) < _usable(network)


def _next(draft: Draft, network: Network) -> IPv4Address:
    if has_room(draft, network):
        settled = set(draft.story.addresses_on(network.name))
        taken = draft.taken[network.id]
        first, usable = int(network.subnet.network_address) + 1, _usable(network)
        last = draft.last_address.get(network.id, network.subnet.network_address)
        for step in range(usable):
            address = IPv4Address(first + (int(last) + 1 - first + step) % usable)
            if address not in taken and address not in settled:
                return address
    raise AllocationError(f"no address is left on the network {network.name} ({network.subnet})")


def _asked(draft: Draft, network: Network, wanted: IPv4Address) -> IPv4Address:
    broadcast = network.subnet.broadcast_address
    if wanted not in network.subnet or wanted in (network.subnet.network_address, broadcast):
        raise AllocationError(f"{wanted} is not an address of the network {network.name} ({network.subnet})")
    if wanted in draft.taken[network.id]:
        raise AllocationError(f"the address {wanted} of the network {network.name} is already taken")
    return wanted


def _usable(network: Network) -> int:
    """How many addresses there are to give, the gateway's among them."""
    return max(0, network.subnet.num_addresses - 2)
