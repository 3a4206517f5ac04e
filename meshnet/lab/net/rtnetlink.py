"""A socket to one namespace's rtnetlink, and the few kinds of request that a topology's links need.

Every request is answered before the next is sent, so what fails can be named. Messages are put together by hand: there
are seven kinds, and the libraries that know them all take longer to import in user-mode Linux than the links to make.
"""

from __future__ import annotations

import fcntl
import os
import socket
import struct
import threading
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network

from meshnet.errors import KernelError

NEWLINK, DELLINK, GETLINK = 16, 17, 18
NEWADDR, DELADDR, GETADDR = 20, 21, 22
NEWROUTE, DELROUTE = 24, 25
NEWNEIGH = 28
NEWQDISC = 36

CREATE, EXCLUSIVE, REPLACE = 0x400, 0x200, 0x100
"""Flags of a request that makes something: make it if it's missing; refuse, or replace, one that is there."""

_REQUEST, _ACK, _DUMP = 0x1, 0x4, 0x300
_ERROR, _DONE = 2, 3
_NESTED = 0x8000
_HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
_READ = 1 << 16
_SIOCGIFINDEX = 0x8933

IFLA_ADDRESS, IFLA_IFNAME, IFLA_MTU, IFLA_MASTER, IFLA_LINKINFO, IFLA_GROUP, IFLA_NET_NS_FD = 1, 3, 4, 10, 18, 27, 28
IFLA_INFO_KIND, IFLA_INFO_DATA, VETH_INFO_PEER = 1, 2, 1
IFA_ADDRESS, IFA_LOCAL, IFA_BROADCAST = 1, 2, 4
RTA_DST, RTA_OIF, RTA_GATEWAY, RTA_MULTIPATH = 1, 4, 5, 9
NDA_DST, NDA_LLADDR = 1, 2

Value = bytes | int | str | IPv4Address


class Rtnetlink:
    """A socket in the calling thread's network namespace, where it stays. ``where`` is what errors call the place."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
        self._socket.bind((0, 0))
        self._lock = threading.Lock()
        self._serial = 0

    def close(self) -> None:
        self._socket.close()

    def change(self, what: str, kind: int, body: bytes, flags: int = 0) -> None:
        """Ask for a change and wait for it. Raises ``KernelError`` that says ``what`` was refused."""
        with self._lock:
            self._send(kind, body, _REQUEST | _ACK | flags)
            for _ in self._answers(what):
                pass

    def dump(self, what: str, kind: int, body: bytes) -> list[bytes]:
        """All the objects of a kind: their messages without the netlink header."""
        with self._lock:
            self._send(kind, body, _REQUEST | _DUMP)
            return list(self._answers(what))

    def index(self, name: str) -> int:
        """The index of the interface called so. Raises ``KernelError`` if there is none."""
        asked = struct.pack("16s24x", name.encode())
        try:
            answer = fcntl.ioctl(self._socket, _SIOCGIFINDEX, asked)
        except OSError as error:
            raise self._refused(f"find the interface {name}", error.errno or 0) from error
        (number,) = struct.unpack_from("i", answer, 16)
        return int(number)

    def _send(self, kind: int, body: bytes, flags: int) -> None:
        self._serial += 1
        self._socket.send(_HEADER.pack(_HEADER.size + len(body), kind, flags, self._serial, 0) + body)

    def _answers(self, what: str) -> Iterator[bytes]:
        """The parts of the answer to the last request, up to its end."""
        while True:
            data = self._socket.recv(_READ)
            at = 0
            while at < len(data):
                length, kind, _, serial, _ = _HEADER.unpack_from(data, at)
                body = data[at + _HEADER.size : at + length]
                at += (length + 3) & ~3
                if serial != self._serial:
                    continue
                if kind == _DONE:
                    return
                if kind == _ERROR:
                    (code,) = struct.unpack_from("=i", body)
                    if code:
                        raise self._refused(what, -code)
                    return
                yield body

    def _refused(self, what: str, number: int) -> KernelError:
        return KernelError(f"{self._where}: the kernel refused to {what}: {os.strerror(number)}", errno=number)


def attribute(kind: int, value: Value) -> bytes:
    """One attribute: a number is 32 bits, text ends with a zero."""
    if isinstance(value, int):
        value = struct.pack("=I", value)
    elif isinstance(value, str):
        value = value.encode() + b"\0"
    elif isinstance(value, IPv4Address):
        value = value.packed
    return _ATTRIBUTE.pack(_ATTRIBUTE.size + len(value), kind) + value + bytes(-len(value) % 4)


def nest(kind: int, *attributes: bytes) -> bytes:
    """An attribute that holds others."""
    return attribute(kind | _NESTED, b"".join(attributes))


def attributes_of(body: bytes, start: int) -> dict[int, bytes]:
    """The attributes of a message whose fixed part has ``start`` bytes."""
    found = {}
    while start < len(body):
        length, kind = _ATTRIBUTE.unpack_from(body, start)
        found[kind & ~_NESTED] = body[start + _ATTRIBUTE.size : start + length]
        start += (length + 3) & ~3
    return found


def link_message(*attributes: bytes, index: int = 0, flags: int = 0, change: int = 0) -> bytes:
    """An ``ifinfomsg``."""
    return struct.pack("=BxHiII", socket.AF_UNSPEC, 0, index, flags, change) + b"".join(attributes)


def address_message(*attributes: bytes, index: int = 0, prefix: int = 0) -> bytes:
    """An ``ifaddrmsg`` of IPv4."""
    return struct.pack("=BBBBi", socket.AF_INET, prefix, 0, 0, index) + b"".join(attributes)


def route_message(*attributes: bytes, destination: IPv4Network, link_scope: bool = False) -> bytes:
    """An ``rtmsg`` of IPv4, in the main table, made by hand (``proto static``)."""
    table, static, unicast, link, universe = 254, 4, 1, 253, 0
    scope = link if link_scope else universe
    head = struct.pack("=8BI", socket.AF_INET, destination.prefixlen, 0, 0, table, static, scope, unicast, 0)
    target = attribute(RTA_DST, destination.network_address) if destination.prefixlen else b""
    return head + target + b"".join(attributes)


def next_hop(gateway: IPv4Address) -> bytes:
    """One of a route's several gateways: an ``rtnexthop``."""
    via = attribute(RTA_GATEWAY, gateway)
    return struct.pack("=HBBi", 8 + len(via), 0, 0, 0) + via


def neighbour_message(*attributes: bytes, index: int) -> bytes:
    """An ``ndmsg`` of IPv4, permanent."""
    return struct.pack("=BxxxiHBB", socket.AF_INET, index, 0x80, 0, 0) + b"".join(attributes)
