"""Writes a capture, piece by piece."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping

from meshnet import __version__
from meshnet.netstate import NamespaceRef
from meshnet.trace.pcapng import blocks
from meshnet.trace.pcapng.place import Place
from meshnet.trace.seen import Direction, Sighting

_SECTION = struct.Struct("<IHHq")
_INTERFACE = struct.Struct("<HHI")
_PACKET = struct.Struct("<IIIII")
_STATISTICS = struct.Struct("<III")
_FLAGS = struct.Struct("<I")
_COUNT = struct.Struct("<Q")
_VERSION = 1, 0
_UNKNOWN_LENGTH = -1
_ETHERNET = 1
_NANOSECONDS = bytes([9])  # ten to the minus ninth of a second
_INBOUND, _OUTBOUND = 1, 2
_RECEPTION = {Direction.HOST: 1, Direction.MULTICAST: 2, Direction.BROADCAST: 3, Direction.OTHER_HOST: 4}
"""``epb_flags``' words for whom a frame was; the last is promiscuous."""

FLAGS_OF = {Direction.OUTGOING: _OUTBOUND} | {each: _INBOUND | word << 2 for each, word in _RECEPTION.items()}


class Writer:
    """Each method returns whole blocks, to be written in that order; what is written up to any of them is a file that
    can be read. ``snaplen`` is what was kept of each frame, in bytes."""

    def __init__(self, snaplen: int) -> None:
        self._snaplen = snaplen
        self._numbers: dict[Place, int] = {}

    def begin(self, places: Iterable[Place] = ()) -> bytes:
        """``places`` are those known beforehand; others come with their first frame. tcpdump takes no file without
        any."""
        head = _SECTION.pack(blocks.BYTE_ORDER, *_VERSION, _UNKNOWN_LENGTH)
        named = blocks.options({blocks.APPLICATION: f"meshnet {__version__}".encode()})
        return blocks.block(blocks.SECTION, head + named) + self.introduce(places)

    def introduce(self, places: Iterable[Place]) -> bytes:
        """Name those that it doesn't know yet."""
        return b"".join(self._interface(place) for place in places if place not in self._numbers)

    def frame(self, seen: Sighting, comment: str = "") -> bytes:
        """``comment`` is shown with the frame; without one it says where the frame was seen."""
        place = Place(seen.at, seen.interface)
        new = self.introduce([place])
        number = self._numbers[place]
        head = _PACKET.pack(number, seen.time >> 32, seen.time & 0xFFFFFFFF, len(seen.data), seen.length)
        more = blocks.options(
            {
                blocks.COMMENT: (comment or f"in {seen.at} {seen.interface}").encode(),
                blocks.FLAGS: _FLAGS.pack(FLAGS_OF[seen.direction]),
            }
        )
        return new + blocks.block(blocks.PACKET, head + blocks.padded(seen.data) + more)

    def end(self, time: int, dropped: Mapping[NamespaceRef, int]) -> bytes:
        """What was ``dropped`` until ``time`` in a namespace, which the kernel doesn't count by interface, is said of
        the first of its interfaces."""
        firsts: dict[NamespaceRef, Place] = {}
        for place in self._numbers:
            firsts.setdefault(place.at, place)
        missing = [Place(ref, "") for ref in dropped if ref not in firsts]
        said = [self.introduce(missing)]
        for place in [*firsts.values(), *missing]:
            said.append(self._statistics(place, time, dropped.get(place.at, 0)))
        return b"".join(said)

    def _interface(self, place: Place) -> bytes:
        self._numbers[place] = len(self._numbers)
        head = _INTERFACE.pack(_ETHERNET, 0, self._snaplen)
        named = blocks.options({blocks.NAME: str(place).encode(), blocks.RESOLUTION: _NANOSECONDS})
        return blocks.block(blocks.INTERFACE, head + named)

    def _statistics(self, place: Place, time: int, dropped: int) -> bytes:
        head = _STATISTICS.pack(self._numbers[place], time >> 32, time & 0xFFFFFFFF)
        more = blocks.options(
            {
                blocks.COMMENT: f"dropped in all of {place.at}: {dropped}".encode(),
                blocks.DROPPED: _COUNT.pack(dropped),
            }
        )
        return blocks.block(blocks.STATISTICS, head + more)
