"""The format on a lab's control stream: frames, each of one channel.

The stream is a socket pair on the host's kernel and a serial line into user-mode Linux; both carry bytes in order and
lose none, so a frame is only a header and a payload::

    length  u32  of the payload, big endian
    channel u32  chosen by the client that opens it; the relay renumbers
    kind    u8   see ``Kind``

A channel is one request: the client sends OPEN with a JSON object that has an ``op``; the lab answers with any number
of EVENTs and ends the channel with RESULT. A request that runs a program carries its streams meanwhile. No side sends
more than ``WINDOW`` bytes of one stream that the other hasn't said (CREDIT) it has consumed, so a terminal that stands
still holds up only itself.

Channel ``LINK`` is the stream's own: the lab says on it (CREDIT) how much of all it has read, and is sent no more than
``UNREAD`` bytes beyond that. A serial line of user-mode Linux 6.1 that was ever full hears nothing any more: being
throttled takes it out of what the kernel waits for (``line_throttle``), and nothing puts it back.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

WINDOW = 256 * 1024
"""Bytes of one stream that may be under way unconsumed."""

CHUNK = 32 * 1024
"""Bytes of stream data put into one frame at most, so that a small frame never waits long behind a large one."""

LINK = 0

UNREAD = 2048
"""Bytes that may be under way to the lab unread: a serial line counts as full from 3968 on."""

_HEADER = struct.Struct("!IIB")
_SIZE = struct.Struct("!HH")
_CREDIT = struct.Struct("!I")

Json = dict[str, Any]


class Kind(IntEnum):
    """What a frame says. ``>`` goes to the lab, ``<`` comes from it."""

    OPEN = 1
    """``>`` JSON: the request."""
    EVENT = 2
    """``<`` JSON: something that happened meanwhile."""
    STDIN = 3
    """``>`` bytes for the program."""
    STDOUT = 4
    """``<`` bytes of the program, or of its terminal."""
    STDERR = 5
    """``<`` bytes of the program."""
    END_STDIN = 6
    """``>`` no more input."""
    SIGNAL = 7
    """``>`` one byte: a signal for the program's process group."""
    RESIZE = 8
    """``>`` rows and columns of the terminal, u16 each."""
    CREDIT = 9
    """``<>`` u32: bytes of the other side's stream data consumed."""
    RESULT = 10
    """``<`` JSON: the answer; the channel is over."""
    CANCEL = 11
    """``>`` the client is gone; the channel is over."""


@dataclass(frozen=True, slots=True)
class Frame:
    channel: int
    kind: Kind
    payload: bytes = b""

    def encode(self) -> bytes:
        return _HEADER.pack(len(self.payload), self.channel, self.kind) + self.payload

    @property
    def json(self) -> Json:
        value = json.loads(self.payload)
        assert isinstance(value, dict)
        return value

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of a RESIZE."""
        rows, columns = _SIZE.unpack(self.payload)
        return rows, columns

    @property
    def credit(self) -> int:
        """Bytes of a CREDIT."""
        (count,) = _CREDIT.unpack(self.payload)
        return int(count)


def json_frame(channel: int, kind: Kind, value: Json) -> Frame:
    return Frame(channel, kind, json.dumps(value).encode())


def resize_frame(channel: int, rows: int, columns: int) -> Frame:
    return Frame(channel, Kind.RESIZE, _SIZE.pack(rows, columns))


def credit_frame(channel: int, count: int) -> Frame:
    return Frame(channel, Kind.CREDIT, _CREDIT.pack(count))


class Decoder:
    """Turns pieces of a stream into frames."""

    def __init__(self) -> None:
        self._pending = bytearray()

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that ``data`` completes, in order."""
        self._pending += data
        start = 0
        while len(self._pending) - start >= _HEADER.size:
            length, channel, kind = _HEADER.unpack_from(self._pending, start)
            end = start + _HEADER.size + length
            if len(self._pending) < end:
                break
            payload = bytes(self._pending[start + _HEADER.size : end])
            start = end
            yield Frame(channel, Kind(kind), payload)
        del self._pending[:start]
