"""What bridges learn: by which port a station was last heard of."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing

from meshnet.errors import KernelError
from meshnet.kernel.link_messages import forget_stations
from meshnet.kernel.namespaces import NetNamespace
from meshnet.kernel.netlink import ROUTE, NetlinkSocket, Request


def forget_learned(namespace: NetNamespace, bridges: Iterable[str]) -> None:
    """Bridges of a namespace send to stations as if they had never heard of any. Raises ``KernelError``."""
    asked = [Request(forget_stations(bridge), f"forget the stations of {bridge}") for bridge in bridges]
    with closing(NetlinkSocket(namespace, ROUTE)) as route:
        refusals = route.send(asked)
    if refusals:
        raise KernelError(str(refusals[0]), errno=refusals[0].errno)
