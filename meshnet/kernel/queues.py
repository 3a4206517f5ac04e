"""How a namespace's interfaces queue what they send: ``tc qdisc show``."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

from meshnet.kernel.namespaces import NetNamespace
from meshnet.kernel.netlink import DUMP, REQUEST, ROUTE, NetlinkSocket

_HEADER = struct.Struct("=IHHII")
_TCMSG = struct.Struct("=BxxxiIII")
_ATTRIBUTE = struct.Struct("=HH")
_GET_QUEUES = 38
_KIND, _OPTIONS = 1, 2


@dataclass(frozen=True, slots=True, order=True)
class Queue:
    """One discipline: on the interface of index ``link``, below ``parent``, with its ``options`` as the kernel has
    them."""

    link: int
    parent: int
    kind: str
    options: bytes


def queues(namespace: NetNamespace) -> frozenset[Queue]:
    """All of ``namespace``. Raises ``OSError``."""
    body = _TCMSG.pack(0, 0, 0, 0, 0)
    head = _HEADER.pack(_HEADER.size + len(body), _GET_QUEUES, REQUEST | DUMP, 0, 0)
    with closing(NetlinkSocket(namespace, ROUTE)) as route:
        return frozenset(_queue(message[_HEADER.size :]) for message in route.dump(head + body))


def _queue(message: bytes) -> Queue:
    _, link, _, parent, _ = _TCMSG.unpack_from(message)
    found = dict(_attributes(message[_TCMSG.size :]))
    return Queue(link, parent, found.get(_KIND, b"").rstrip(b"\0").decode(), found.get(_OPTIONS, b""))


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, at)
        if length < _ATTRIBUTE.size:
            return
        yield kind, data[at + _ATTRIBUTE.size : at + length]
        at += length + -length % 4
