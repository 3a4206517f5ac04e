"""Interfaces as the kernel lists them."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from meshnet.kernel.lean_pyroute2 import ifinfmsg
from meshnet.kernel.link_messages import IFF_UP, list_links
from meshnet.kernel.netlink import NetlinkSocket, decode, unnumbered

_LOOPBACK_DEVICE = 772
_HEADERS = 16 + 16
_ATTRIBUTE = struct.Struct("=HH")
_KIND = 0x3FFF
_IFLA_AF_SPEC = 26
_IFLA_INET_CONF = 1


@dataclass(frozen=True, slots=True)
class SeenLink:
    """One interface. ``settings`` are those of a VXLAN device, undecoded.

    ``other`` is the index of a veth's other end. ``elsewhere`` is the number that the namespace has here in which that
    end is, or a VXLAN device's socket; None says that it is this namespace itself. ``inet`` is IPv4's settings of it
    (``net.ipv4.conf.NAME``), 32 bits each, in the order of linux/ip.h, from ``IPV4_DEVCONF_FORWARDING`` on.
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
    inet: bytes


def list_seen(netlink: NetlinkSocket) -> dict[int, SeenLink]:
    """All of the socket's namespace, by index. Raises ``OSError``."""
    return {seen.index: seen for seen in map(_seen, map(unnumbered, netlink.dump(list_links())))}


@lru_cache(maxsize=2048)
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
        inet=_nested(_nested(_nested(data[_HEADERS:], _IFLA_AF_SPEC), socket.AF_INET), _IFLA_INET_CONF),
    )


def _nested(attributes: bytes, kind: int) -> bytes:
    """What the first attribute of that kind holds; empty if there is none."""
    at = 0
    while at + _ATTRIBUTE.size <= len(attributes):
        length, found = _ATTRIBUTE.unpack_from(attributes, at)
        if found & _KIND == kind:
            return attributes[at + _ATTRIBUTE.size : at + length]
        at += max(_ATTRIBUTE.size, -(-length // 4) * 4)
    return b""
