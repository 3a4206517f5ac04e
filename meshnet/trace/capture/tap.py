"""A raw socket that sees every frame of one namespace, on every interface, both ways."""

from __future__ import annotations

import socket
import struct
from contextlib import suppress
from dataclasses import dataclass

from meshnet.kernel.namespaces import NetNamespace
from meshnet.netstate import NamespaceRef
from meshnet.trace.seen import Direction, Sighting

ETH_P_ALL = 0x0003
SNAPLEN = 512
"""Bytes kept of each frame: two stacks of headers, and what a probe is known by."""

_BUFFER = 32 * 1024 * 1024
_SO_RCVBUFFORCE = 33
_SO_TIMESTAMPNS = 35
_SOL_PACKET = 263
_PACKET_STATISTICS = 6
_STATISTICS = struct.Struct("II")
_TIMESPEC = struct.Struct("qq")
_ANCILLARY = socket.CMSG_SPACE(_TIMESPEC.size)
_NANOSECONDS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Record:
    """One frame as the socket gave it. ``kind`` is its ``sll_pkttype``."""

    data: bytes
    length: int
    time: int
    interface: str
    kind: int


class Tap:
    """Sees from the moment it is made until ``close``. ``dropped`` counts frames there was no room for."""

    def __init__(self, ref: NamespaceRef, namespace: NetNamespace, snaplen: int = SNAPLEN) -> None:
        """Raises ``OSError``."""
        self.ref = ref
        self.dropped = 0
        self._snaplen = snaplen
        with namespace.entered():
            self._socket = socket.socket(
                socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, socket.htons(ETH_P_ALL)
            )
        try:
            self._open()
        except BaseException:
            self._socket.close()
            raise

    def fileno(self) -> int:
        return self._socket.fileno()

    def drain(self) -> list[Record]:
        """What has come, in order. Doesn't wait."""
        records: list[Record] = []
        buffer = bytearray(self._snaplen)
        take, into = self._socket.recvmsg_into, [buffer]
        with suppress(BlockingIOError):
            while True:
                size, ancillary, _, address = take(into, _ANCILLARY, socket.MSG_TRUNC)
                seconds, rest = _TIMESPEC.unpack(ancillary[0][2])
                records.append(
                    Record(
                        bytes(buffer[: min(size, self._snaplen)]),
                        size,
                        seconds * _NANOSECONDS + rest,
                        address[0],
                        address[2],
                    )
                )
        return records

    def sighting(self, record: Record) -> Sighting:
        """The same, and where it was."""
        direction = Direction(record.kind)
        return Sighting(self.ref, record.interface, direction, record.time, record.data, record.length)

    def close(self) -> None:
        """Count what was dropped to the last, and let go."""
        self.count()
        self._socket.close()

    def count(self) -> None:
        """Bring ``dropped`` up to date: the kernel forgets its count with every look at it."""
        statistics = self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, _STATISTICS.size)
        self.dropped += _STATISTICS.unpack(statistics)[1]

    def _open(self) -> None:
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
        except PermissionError:  # of a user namespace's root; the machine's limit stays
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
