"""Interfaces as the kernel lists them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from meshnet.kernel.lean_pyroute2 import ifinfmsg
from meshnet.kernel.link_messages import IFF_UP, list_links
from meshnet.kernel.netlink import NetlinkSocket, decode

_LOOPBACK_DEVICE = 772


@dataclass(frozen=True, slots=True)
class SeenLink:
    """One interface. ``settings`` are those of a VXLAN device, undecoded.

    ``other`` is the index of a veth's other end. ``elsewhere`` is the number that the namespace has here in which that
    end is, or a VXLAN device's socket; None says that it is this namespace itself.
    """

    index: int
    name: str
    kind: str
    settings: Any
    mac: str | None
    mtu: int
    master: int
    up: bool
    other: int
    elsewhere: int | None


def list_seen(socket: NetlinkSocket) -> dict[int, SeenLink]:
    """All of the socket's namespace, by index. Raises ``OSError``."""
    return {seen.index: seen for seen in map(_seen, socket.dump(list_links()))}


def _seen(data: bytes) -> SeenLink:
    message = decode(ifinfmsg, data)
    information = message.get_attr("IFLA_LINKINFO")
    kind = information.get_attr("IFLA_INFO_KIND") if information is not None else None
    if kind is None:
        kind = "loopback" if message["ifi_type"] == _LOOPBACK_DEVICE else "device"
    return SeenLink(
        index=message["index"],
        name=message.get_attr("IFLA_IFNAME"),
        kind=kind,
        settings=information.get_attr("IFLA_INFO_DATA") if kind == "vxlan" else None,
        mac=message.get_attr("IFLA_ADDRESS"),
        mtu=message.get_attr("IFLA_MTU"),
        master=message.get_attr("IFLA_MASTER") or 0,
        up=bool(message["flags"] & IFF_UP),
        other=message.get_attr("IFLA_LINK") or 0,
        elsewhere=message.get_attr("IFLA_LINK_NETNSID"),
    )
