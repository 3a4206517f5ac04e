"""IPVS services, of the one kind Docker makes: by firewall mark."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address


@dataclass(frozen=True, slots=True)
class Destination:
    """A real server. ``weight`` 0 drains it. Docker's have port 0, so that a packet keeps the one it came with, and
    ``masq`` for ``forwarding``; by hand one can also make ``route`` (``-g``) and ``tunnel`` (``-i``)."""

    address: IPv4Address
    weight: int = 1
    port: int = 0
    forwarding: str = "masq"


@dataclass(frozen=True, slots=True)
class VirtualService:
    """``-A -f <mark> -s rr`` with its destinations in the order they were added. ``persistent`` is for how many seconds
    a client stays with its server (``-p``); 0, as Docker has it, not at all."""

    mark: int
    scheduler: str = "rr"
    destinations: tuple[Destination, ...] = ()
    persistent: int = 0
