"""Sends packets that no program made: frames by an interface, IP packets by the kernel's routing."""

from __future__ import annotations

import errno
import os
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing

from meshnet.errors import InputError, KernelError
from meshnet.kernel.namespaces import NetNamespace

_ETHERNET_HEADER = 14
_IP_HEADER = 20
_BUSY = {errno.ENOBUFS, errno.EAGAIN}
_PAUSE = 0.001
_PATIENCE = 5.0
_Send = Callable[[bytes], object]


def inject(
    namespace: NetNamespace, interface: str | None, frames: Sequence[bytes], *, rate: float | None = None
) -> int:
    """Send ``frames`` in order, at most ``rate`` a second, and return how many.

    With an ``interface`` they begin with their Ethernet header and leave by it as they are, past all rules. Without one
    they are IPv4 packets without it, which the kernel routes and passes through its OUTPUT rules as it does its own; it
    fills in their length and header checksum, and a source and an identification of zero.

    Raises ``InputError`` for what can't be sent, with nothing sent, and ``KernelError`` where the kernel won't, with
    how many it had sent.
    """
    if rate is not None and rate <= 0:
        raise InputError(f"expected a rate above 0 packets a second, found {rate:g}")
    _check(frames, routed=interface is None)
    with closing(_open(namespace, interface)) as sender:
        send: _Send = sender.send if interface is not None else _router(sender)
        for number, frame in enumerate(_paced(frames, rate)):
            try:
                _send(send, frame)
            except OSError as error:
                place = interface or socket.inet_ntoa(frame[16:20])
                raise KernelError(
                    f"expected to send packet {number + 1} of {len(frames)} to {place}, found the kernel refuse: "
                    f"{os.strerror(error.errno or errno.EIO)}",
                    errno=error.errno or errno.EIO,
                ) from error
    return len(frames)


def _check(frames: Sequence[bytes], *, routed: bool) -> None:
    for number, frame in enumerate(frames, 1):
        if routed and (len(frame) < _IP_HEADER or frame[0] >> 4 != 4):
            raise InputError(
                f"expected packet {number} to be IPv4, since no interface is named; found {frame[:20].hex()}"
            )
        if len(frame) < _ETHERNET_HEADER:
            raise InputError(f"expected frame {number} to have an Ethernet header, found {len(frame)} bytes")


def _open(namespace: NetNamespace, interface: str | None) -> socket.socket:
    with namespace.entered():
        if interface is None:
            sender = socket.socket(socket.AF_INET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.IPPROTO_RAW)
        else:
            sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
        there = [name for _, name in socket.if_nameindex()] if interface is not None else []
    if interface is None:
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        return sender
    try:
        sender.bind((interface, 0))
    except OSError as error:
        sender.close()
        raise InputError(f"expected one of the interfaces {', '.join(there)}, found {interface!r}") from error
    return sender


def _router(sender: socket.socket) -> _Send:
    def send(packet: bytes) -> None:
        sender.sendto(packet, (socket.inet_ntoa(packet[16:20]), 0))

    return send


def _send(send: _Send, frame: bytes) -> None:
    """Wait while the interface's queue is full, if it isn't for ever."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            send(frame)
            return
        except OSError as error:
            if error.errno not in _BUSY or time.monotonic() > deadline:
                raise
            time.sleep(_PAUSE)


def _paced(frames: Sequence[bytes], rate: float | None) -> Iterator[bytes]:
    """Each when it is due."""
    began = time.monotonic()
    for number, frame in enumerate(frames):
        ahead = began + number / rate - time.monotonic() if rate else 0.0
        if ahead > _PAUSE:
            time.sleep(ahead)
        yield frame
