"""Messages of nfnetlink_log (``linux/netfilter/nfnetlink_log.h``): asking for packets, and what comes."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

NETFILTER = 12
"""The netlink protocol."""

GROUP = 0
"""The group of the namespace to which TRACE reports, and LOG."""

COPIED = 512
"""Bytes of each packet: what is enough for the headers of a VXLAN packet, of the frame in it, and some of its data."""

_HEADER = struct.Struct("=IHHIIBBH")  # of netlink and, behind it, of nfnetlink
_NETLINK_BYTES = 16
_ATTRIBUTE = struct.Struct("=HH")
_KIND_MASK = 0x3FFF
_ERROR = 2
_PACKET, _CONFIG = 0x400, 0x401
_REQUEST, _ACK = 0x1, 0x4

_CMD, _MODE, _BUFFER, _THRESHOLD, _FLAGS = 1, 2, 3, 5, 6
_BIND = 1
_COPY_PACKET = 2
_NUMBERED = 1
_MESSAGE_BYTES = 1024  # more than any message has; each takes twice that of the socket's buffer while it waits

_HOOK, _MARK, _TIME, _IN, _OUT, _PHYSICAL_IN, _PHYSICAL_OUT, _DATA, _PREFIX, _SEQUENCE = 1, 2, 3, 4, 5, 6, 7, 9, 10, 12


@dataclass(frozen=True, slots=True)
class Logged:
    """One packet. Interfaces are by index, 0 is none; ``time`` is in nanoseconds since the epoch, as far as the kernel
    tells it. ``sequence`` counts the packets of the group, those that were lost as well."""

    prefix: str
    hook: int
    data: bytes
    mark: int
    sequence: int
    interfaces: tuple[int, int, int, int]
    """In, out, and the bridge's ports of the two."""
    time: int | None


def bind(sequence: int) -> bytes:
    """Ask for the packets of ``GROUP``, at once and numbered. To be acknowledged."""
    attributes = b"".join(
        (
            _attribute(_CMD, struct.pack("=B", _BIND)),
            _attribute(_MODE, struct.pack("!IBx", COPIED, _COPY_PACKET)),
            _attribute(_BUFFER, struct.pack("!I", _MESSAGE_BYTES)),
            _attribute(_THRESHOLD, struct.pack("!I", 1)),
            _attribute(_FLAGS, struct.pack("!H", _NUMBERED)),
        )
    )
    size = _HEADER.size + len(attributes)
    return _HEADER.pack(size, _CONFIG, _REQUEST | _ACK, sequence, 0, 0, 0, GROUP) + attributes


def answer(data: bytes, sequence: int) -> int | None:
    """The errno, or 0, by which the request of that number is answered in ``data``; None if it isn't."""
    for at, _ in _messages(data):
        _, kind, _, number, _ = struct.unpack_from("=IHHII", data, at)
        if kind == _ERROR and number == sequence:
            return -int(struct.unpack_from("=i", data, at + _NETLINK_BYTES)[0])
    return None


def packets(data: bytes) -> Iterator[Logged]:
    """The packets that a datagram of the socket has."""
    for at, end in _messages(data):
        if _HEADER.unpack_from(data, at)[1] == _PACKET:
            yield _packet(dict(_attributes(data, at + _HEADER.size, end)))


def _packet(found: dict[int, bytes]) -> Logged:
    interfaces = (_number(found, kind) for kind in (_IN, _OUT, _PHYSICAL_IN, _PHYSICAL_OUT))
    went_in, went_out, physical_in, physical_out = interfaces
    return Logged(
        prefix=found.get(_PREFIX, b"").rstrip(b"\0").decode(errors="replace"),
        hook=found[_HOOK][2],
        data=found.get(_DATA, b""),
        mark=_number(found, _MARK),
        sequence=_number(found, _SEQUENCE),
        interfaces=(went_in, went_out, physical_in, physical_out),
        time=_time(found[_TIME]) if _TIME in found else None,
    )


def _number(found: dict[int, bytes], kind: int) -> int:
    return int.from_bytes(found.get(kind, b""), "big")


def _time(value: bytes) -> int:
    seconds, microseconds = struct.unpack("!QQ", value)
    return int(seconds * 1_000_000_000 + microseconds * 1000)


def _attribute(kind: int, value: bytes) -> bytes:
    size = _ATTRIBUTE.size + len(value)
    return _ATTRIBUTE.pack(size, kind) + value + bytes(-size % 4)


def _messages(data: bytes) -> Iterator[tuple[int, int]]:
    """Beginning and end of each."""
    at = 0
    while at + _NETLINK_BYTES <= len(data):
        (size,) = struct.unpack_from("=I", data, at)
        yield at, at + size
        at += (max(size, _NETLINK_BYTES) + 3) & ~3


def _attributes(data: bytes, at: int, end: int) -> Iterator[tuple[int, bytes]]:
    while at + _ATTRIBUTE.size <= end:
        size, kind = _ATTRIBUTE.unpack_from(data, at)
        yield kind & _KIND_MASK, data[at + _ATTRIBUTE.size : at + size]
        at += (max(size, _ATTRIBUTE.size) + 3) & ~3
