"""Takes frames off packet sockets, many with one system call."""

from __future__ import annotations

import ctypes
import errno
import mmap
import socket
import struct
from collections.abc import Iterator
from typing import NamedTuple

from meshnet.kernel import libc

SNAPLENS = range(14, 262145)
"""What may be kept of a frame, in bytes: its Ethernet header at least, and at most what libpcap takes for no limit."""

_SLOTS = 64
_FLAGS = socket.MSG_DONTWAIT | socket.MSG_TRUNC  # the latter for the length that a frame had before it was cut
_CUT_TO = 8
_NOTHING = {errno.EAGAIN, errno.EINTR}
_NANOSECONDS = 1_000_000_000

_NAME_BYTES = 24
"""A ``sockaddr_ll``, and what aligns what follows."""

_CONTROL_BYTES = 64
"""A ``cmsghdr`` and the three ``timespec`` of ``SO_TIMESTAMPING``, of which the first is the kernel's own clock."""

_META = struct.Struct("=4xi2xBx12x16xqq")
"""Of those two: the interface's index, the ``sll_pkttype``, seconds and nanoseconds."""


class _MsgHdr(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint32),
        ("pieces", ctypes.c_void_p),
        ("piece_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class _MMsgHdr(ctypes.Structure):
    _fields_ = (("header", _MsgHdr), ("length", ctypes.c_uint))


class _Piece(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class Raw(NamedTuple):
    """One frame as a socket gave it: ``kind`` is its ``sll_pkttype``, ``length`` what it had, ``time`` in nanoseconds
    since the epoch, or 0 where the kernel hadn't looked at its clock."""

    time: int
    interface: int
    kind: int
    length: int
    data: bytes


class Receiver:
    """Room for some frames of at most ``snaplen`` bytes each; for one socket at a time."""

    def __init__(self, snaplen: int) -> None:
        self._snaplen = snaplen
        self._stride = -(-(_NAME_BYTES + _CONTROL_BYTES + snaplen) // _CUT_TO) * _CUT_TO
        self._view = memoryview(mmap.mmap(-1, _SLOTS * self._stride))  # of which only what frames fill is ever taken
        self._pieces = (_Piece * _SLOTS)()
        self._messages = (_MMsgHdr * _SLOTS)()
        start = ctypes.addressof(ctypes.c_char.from_buffer(self._view))
        for number in range(_SLOTS):
            self._prepare(number, start + number * self._stride)
        self._fresh = bytes(self._messages)
        heads = memoryview(self._messages).cast("B")
        size = ctypes.sizeof(_MMsgHdr)
        self._lengths = heads.cast("I")[_MMsgHdr.length.offset // 4 :: size // 4]
        self._stamped = heads.cast("L")[_MsgHdr.control_length.offset // 8 :: size // 8]

    def take(self, fd: int, until: int) -> Iterator[Raw]:
        """The frames that wait at ``fd``, in order, and none once one came later than ``until``, but for those that
        were taken together with it. Doesn't wait."""
        while True:
            ctypes.memmove(self._messages, self._fresh, len(self._fresh))
            try:
                count = libc.receive_many(fd, self._messages, _FLAGS)
            except OSError as error:
                if error.errno in _NOTHING:
                    return
                raise
            latest = 0
            for raw in self._frames(count):
                latest = raw.time
                yield raw
            if count < _SLOTS or latest > until:
                return

    def _frames(self, count: int) -> Iterator[Raw]:
        view, snaplen, read = self._view, self._snaplen, _META.unpack_from
        at = 0
        for length, stamped in zip(self._lengths[:count].tolist(), self._stamped[:count].tolist(), strict=True):
            interface, kind, seconds, rest = read(view, at)
            data = at + _NAME_BYTES + _CONTROL_BYTES
            time = seconds * _NANOSECONDS + rest if stamped else 0
            yield Raw(time, interface, kind, length, bytes(view[data : data + min(length, snaplen)]))
            at += self._stride

    def _prepare(self, number: int, start: int) -> None:
        piece = self._pieces[number]
        piece.base, piece.length = start + _NAME_BYTES + _CONTROL_BYTES, self._snaplen
        header = self._messages[number].header
        header.name, header.name_length = start, _NAME_BYTES
        header.control, header.control_length = start + _NAME_BYTES, _CONTROL_BYTES
        header.pieces, header.piece_count = ctypes.addressof(piece), 1
