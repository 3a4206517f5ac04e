"""A raw socket that sees every frame of one namespace, on every interface, both ways."""

from __future__ import annotations

import fcntl
import socket
import struct
import time
from collections.abc import Iterator
from typing import NamedTuple

from meshnet.kernel import libc
from meshnet.kernel.namespaces import NetNamespace
from meshnet.netstate import NamespaceRef
from meshnet.trace.capture.filter import NOTHING, Program, attach
from meshnet.trace.capture.receiver import Receiver
from meshnet.trace.seen import Direction, Sighting

BUFFER = 32 * 1024 * 1024
"""Bytes that the kernel keeps of a namespace until they are taken; a small frame takes about 800."""

_EVERYTHING = 0x0003
_ANY_INTERFACE = struct.pack("=HHiHBB8x", socket.AF_PACKET, socket.htons(_EVERYTHING), 0, 0, 0, 0)
_SO_RCVBUFFORCE = 33
_SO_TIMESTAMPING = 37
_STAMP_IN_SOFTWARE = 1 << 3 | 1 << 4  # when it comes, and tell
_SOL_PACKET = 263
_PACKET_STATISTICS = 6
_STATISTICS = struct.Struct("II")
_SIOCGIFNAME = 0x8910
_IFREQ = struct.Struct("=16si20x")


class Frame(NamedTuple):
    """One frame, and what is needed to make a sighting of it: as little as can be, since most are never looked at."""

    time: int
    tap: Tap
    interface: str
    kind: int
    length: int
    data: bytes

    @property
    def sighting(self) -> Sighting:
        return Sighting(self.tap.ref, self.interface, Direction(self.kind), self.time, self.data, self.length)


class Tap:
    """Sees from the moment it is made until ``close``. ``dropped`` counts frames there was no room for.

    While it is open, the namespace stays, even if nobody else holds it any more.
    """

    def __init__(
        self, ref: NamespaceRef, namespace: NetNamespace, program: Program | None = None, buffer: int = BUFFER
    ) -> None:
        """To be made on a ``journey``. ``program`` is the filter, ``buffer`` in bytes. Raises ``OSError``, and
        ``InputError`` for a filter that the kernel won't have."""
        self.ref, self.namespace = ref, namespace
        self.dropped = 0
        self._names: dict[int, str] = {}
        namespace.go()
        # of no protocol: it hears nothing until it is bound, when all of it is set up
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
        try:
            self._set_up(program, buffer)
        except BaseException:
            self._socket.close()
            raise
        self._opened = time.time_ns()

    def fileno(self) -> int:
        return self._socket.fileno()

    @property
    def interfaces(self) -> tuple[str, ...]:
        """Those there are, which takes the kernel longer to tell than to make a tap."""
        with self.namespace.entered():
            return tuple(name for _, name in socket.if_nameindex())

    def take(self, receiver: Receiver, until: int) -> Iterator[Frame]:
        """What has come, in order; up to ``until`` if more and more comes. Doesn't wait.

        The kernel looks at its clock for each frame only once somebody has asked for it, and begins with that some
        0.1 ms later. What came earlier is as old as the socket is.
        """
        for came, index, kind, length, data in receiver.take(self._socket.fileno(), until):
            name = self._names.get(index) or self._learn(index)
            yield Frame(came or self._opened, self, name, kind, length, data)

    def seal(self) -> None:
        """See nothing more; what has come can still be taken."""
        attach(self._socket, NOTHING)

    def count(self) -> int:
        """Bring ``dropped`` up to date: the kernel forgets its count with every look at it."""
        statistics = self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, _STATISTICS.size)
        self.dropped += _STATISTICS.unpack(statistics)[1]
        return self.dropped

    def close(self) -> None:
        """Count what was dropped to the last, and let go."""
        if self._socket.fileno() >= 0:
            self.count()
            self._socket.close()

    def _set_up(self, program: Program | None, buffer: int) -> None:
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, buffer)
        except PermissionError:  # of a user namespace's root; the machine's limit stays
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPING, _STAMP_IN_SOFTWARE)
        if program is not None:
            attach(self._socket, program)
        libc.bind_socket(self._socket.fileno(), _ANY_INTERFACE)

    def _learn(self, index: int) -> str:
        """The name of an interface, at the first of its frames that is taken."""
        try:
            answer = fcntl.ioctl(self._socket, _SIOCGIFNAME, _IFREQ.pack(b"", index))
            name = str(_IFREQ.unpack(answer)[0].rstrip(b"\0"), "utf-8")
        except OSError:  # it has gone; ``ip`` calls it the same
            name = f"if{index}"
        self._names[index] = name
        return name
