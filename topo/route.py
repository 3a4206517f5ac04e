"""Routers between LANs."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import Any


@dataclass(frozen=True, slots=True)
class StaticRoute:
    """A route by one or more gateways, all of the same cost."""

    destination: IPv4Network
    via: tuple[IPv4Address, ...]

    def __str__(self) -> str:
        """In the words of ``ip route``."""
        return " ".join((str(self.destination), *(f"nexthop via {gateway}" for gateway in self.via)))


ROUTER_SYSCTLS = {"net.ipv4.ip_forward": "1", "net.ipv4.fib_multipath_hash_policy": "1"}
"""What makes a host a router. The hash policy spreads flows by their ports: VXLAN puts a hash of the inner flow into
its source port for that."""


def stock_router(name: str, **params: Any) -> Any:
    """How stock Mininet makes a router: importing its node classes takes a while, and not every reader of a topology
    builds it."""
    from topo.stock_router import StockRouter

    return StockRouter(name, **params)
