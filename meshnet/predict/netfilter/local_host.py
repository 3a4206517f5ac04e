"""What iptables asks of the rest of its namespace."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Protocol


class LocalHost(Protocol):
    """A namespace's addresses. With an ``interface``, only what is on it counts (``--limit-iface-in``)."""

    def is_local(self, address: IPv4Address, interface: str = "") -> bool:
        """Whether it is the namespace's own (``addrtype LOCAL``); all of 127.0.0.0/8 is."""

    def is_broadcast(self, address: IPv4Address, interface: str = "") -> bool:
        """Whether it is a subnet's broadcast address here; 255.255.255.255 isn't asked for."""

    def first_address(self, interface: str) -> IPv4Address | None:
        """Where REDIRECT sends what came in by ``interface``: its first address, None if it has none."""

    def address_towards(self, interface: str, destination: IPv4Address) -> IPv4Address | None:
        """What MASQUERADE makes the source of what leaves by ``interface``: its address in the subnet of the next hop
        to ``destination``, else its first one. An interface that has none, as ``lo``, whose 127.0.0.1 doesn't count,
        borrows the first of another (``inet_select_addr``). None if the namespace has none to give."""
