"""Docker's multiplexed stream: frames that say which of a program's outputs they are.

A frame is a header of eight bytes, the stream's number, three zeros and the payload's length (u32, big endian), and the
payload (docs/api: "Stream format" of ``ContainerAttach``; moby's pkg/stdcopy).
"""

from __future__ import annotations

import struct
from enum import IntEnum

_HEADER = struct.Struct("!B3xI")


class Stream(IntEnum):
    """A frame's first byte."""

    STDIN = 0
    STDOUT = 1
    STDERR = 2
    SYSTEM_ERROR = 3
    """The payload is an error of the engine's, and the last thing that comes."""


def frame(stream: Stream, payload: bytes) -> bytes:
    return _HEADER.pack(stream, len(payload)) + payload
