"""Interfaces as the kernel lists them."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass
from functools import lru_cache

from meshnet.kernel.attributes import attributes, mac, number, text
from meshnet.kernel.link_messages import IFF_UP, list_links
from meshnet.kernel.netlink import NetlinkSocket

_MESSAGE_HEADER = 16
_HEADER = struct.Struct("=BxHiII")
_LOOPBACK_DEVICE = 772
_ADDRESS, _NAME, _MTU, _LINK, _MASTER, _LINKINFO, _AF_SPEC, _LINK_NETNSID = 1, 3, 4, 5, 10, 18, 26, 37
_INFO_KIND, _INFO_DATA = 1, 2
_INET_CONF = 1


@dataclass(frozen=True, slots=True)
class SeenLink:
    """One interface. ``settings`` are the attributes that its kind has (``IFLA_INFO_DATA``).

    ``other`` is the index of a veth's other end. ``elsewhere`` is the number that the namespace has here in which that
    end is, or a VXLAN device's socket; None says that it is this namespace itself. ``inet`` is IPv4's settings of it
    (``net.ipv4.conf.NAME``), 32 bits each, in the order of linux/ip.h, from ``IPV4_DEVCONF_FORWARDING`` on.
    """

    index: int
    name: str
    kind: str
    settings: bytes
    mac: str | None
    mtu: int
    master: int
    up: bool
    other: int
    elsewhere: int | None
    inet: bytes


def list_seen(netlink: NetlinkSocket) -> dict[int, SeenLink]:
    """All of the socket's namespace, by index. Raises ``OSError``."""
    return {seen.index: seen for seen in (_seen(data[_MESSAGE_HEADER:]) for data in netlink.dump(list_links()))}


@lru_cache(maxsize=2048)
def _seen(data: bytes) -> SeenLink:
    _, device, index, flags, _ = _HEADER.unpack_from(data)
    found = attributes(data, _HEADER.size)
    information = attributes(found.get(_LINKINFO, b""))
    families = attributes(found.get(_AF_SPEC, b""))
    elsewhere = found.get(_LINK_NETNSID)
    return SeenLink(
        index=index,
        name=text(found.get(_NAME)),
        kind=text(information.get(_INFO_KIND)) or ("loopback" if device == _LOOPBACK_DEVICE else "device"),
        settings=information.get(_INFO_DATA, b""),
        mac=mac(found[_ADDRESS]) if _ADDRESS in found else None,
        mtu=number(found.get(_MTU)),
        master=number(found.get(_MASTER)),
        up=bool(flags & IFF_UP),
        other=number(found.get(_LINK)),
        elsewhere=None if elsewhere is None else number(elsewhere),
        inet=attributes(families.get(socket.AF_INET, b"")).get(_INET_CONF, b""),
    )
