"""Reads what ``Writer`` wrote, piece by piece."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from meshnet.netstate import NamespaceRef
from meshnet.trace.pcapng import blocks
from meshnet.trace.pcapng.place import Place
from meshnet.trace.pcapng.writer import FLAGS_OF
from meshnet.trace.seen import Sighting

_INTERFACE = struct.Struct("<HHI")
_PACKET = struct.Struct("<IIIII")
_STATISTICS = struct.Struct("<III")
_DIRECTIONS = {flags: direction for direction, flags in FLAGS_OF.items()}


class Reader:
    """Of one file or stream. ``places`` are the interfaces named so far, ``dropped`` is what was said at its end."""

    def __init__(self) -> None:
        self.places: list[Place] = []
        self.dropped: dict[NamespaceRef, int] = {}
        self._rest = bytearray()

    def feed(self, data: bytes) -> Iterator[Sighting]:
        """The frames that ``data`` completes. Raises ``ValueError`` for what a ``Writer`` doesn't write."""
        self._rest += data
        for block in list(blocks.split(self._rest)):
            kind, body = blocks.opened(block)
            match kind:
                case blocks.INTERFACE:
                    name = blocks.read_options(body[_INTERFACE.size :])[blocks.NAME]
                    self.places.append(Place.parse(name.decode()))
                case blocks.PACKET:
                    yield self._frame(body)
                case blocks.STATISTICS:
                    self._count(body)

    def _frame(self, body: bytes) -> Sighting:
        number, high, low, size, length = _PACKET.unpack_from(body)
        end = _PACKET.size + size
        flags = blocks.read_options(body[end + -size % 4 :])[blocks.FLAGS]
        place = self.places[number]
        direction = _DIRECTIONS[int.from_bytes(flags, "little")]
        return Sighting(place.at, place.interface, direction, high << 32 | low, body[_PACKET.size : end], length)

    def _count(self, body: bytes) -> None:
        number, _, _ = _STATISTICS.unpack_from(body)
        count = int.from_bytes(blocks.read_options(body[_STATISTICS.size :])[blocks.DROPPED], "little")
        if count:
            self.dropped[self.places[number].at] = count
