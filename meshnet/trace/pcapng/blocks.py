"""The parts of a pcapng file (draft-ietf-opsawg-pcapng): blocks, and options in them. Little endian.

Block: type u32, length u32 of the whole, body, length again. Option: code u16, length u16, value. Bodies and values are
padded to four bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping

SECTION, INTERFACE, STATISTICS, PACKET = 0x0A0D0D0A, 1, 5, 6

COMMENT = 1
APPLICATION = 4  # of a section
NAME, RESOLUTION = 2, 9  # of an interface
FLAGS = 2  # of a packet
DROPPED = 5  # of an interface's statistics

BYTE_ORDER = 0x1A2B3C4D
_EDGE = struct.Struct("<II")
_TAIL = struct.Struct("<I")
_OPTION = struct.Struct("<HH")
_END_OF_OPTIONS = bytes(4)


def block(kind: int, body: bytes) -> bytes:
    """``body`` is padded already."""
    length = _EDGE.size + len(body) + _TAIL.size
    return b"".join((_EDGE.pack(kind, length), body, _TAIL.pack(length)))


def options(values: Mapping[int, bytes]) -> bytes:
    """With the end mark that belongs behind them."""
    if not values:
        return b""
    parts = [_OPTION.pack(code, len(value)) + padded(value) for code, value in values.items()]
    return b"".join((*parts, _END_OF_OPTIONS))


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def split(data: bytearray) -> Iterator[bytes]:
    """The whole blocks that ``data`` begins with; they are taken out of it. Raises ``ValueError`` for what is none."""
    at = 0
    try:
        while len(data) - at >= _EDGE.size:
            _, length = _EDGE.unpack_from(data, at)
            if length < _EDGE.size + _TAIL.size or length % 4:
                raise ValueError(f"expected a pcapng block, found one of {length} bytes")
            if len(data) - at < length:
                return
            at += length
            yield bytes(data[at - length : at])
    finally:
        del data[:at]


def opened(block: bytes) -> tuple[int, bytes]:
    """Kind and body of a whole block."""
    kind, _ = _EDGE.unpack_from(block)
    return kind, block[_EDGE.size : -_TAIL.size]


def read_options(data: bytes) -> dict[int, bytes]:
    """Of several with one code the last."""
    found: dict[int, bytes] = {}
    at = 0
    while at + _OPTION.size <= len(data):
        code, length = _OPTION.unpack_from(data, at)
        at += _OPTION.size
        if code == 0:
            break
        found[code] = data[at : at + length]
        at += length + -length % 4
    return found
