"""IPVS services, of the one kind Docker makes: by firewall mark."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address


@dataclass(frozen=True, slots=True)
class Destination:
    """A real server. Its port is always 0: the packet keeps the one it came with. ``weight`` 0 drains it."""

    address: IPv4Address
    weight: int = 1


@dataclass(frozen=True, slots=True)
class VirtualService:
    """``-A -f <mark> -s rr`` with its masquerading (``-m``) destinations in the order they were added."""

    mark: int
    scheduler: str = "rr"
    destinations: tuple[Destination, ...] = ()
