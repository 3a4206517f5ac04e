"""A router for stock Mininet. A lab of meshnet's makes its own."""

from __future__ import annotations

from typing import Any

from mininet.node import Node

from topo.route import ROUTER_SYSCTLS, StaticRoute


class StockRouter(Node):  # type: ignore[misc]  # Mininet has no types
    """A host that forwards by static routes."""

    def config(self, routes: tuple[StaticRoute, ...] = (), **params: Any) -> Any:
        """Mininet calls it once every link is there."""
        result = super().config(**params)
        for name, value in ROUTER_SYSCTLS.items():
            self.cmd("sysctl", "-qw", f"{name}={value}")
        for route in routes:
            self.cmd("ip", "route", "replace", route)
        return result
