"""Packets that have to come by somewhere, or mustn't."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count

import pytest
from scapy.packet import Packet

from meshnet.errors import MeshnetError
from meshnet.lab.deadlines import ANSWER, scaled
from meshnet.pytest_plugin.capturing import At, Recording, dissected, places_of
from meshnet.pytest_plugin.lab import Lab
from meshnet.pytest_plugin.matching import matches
from meshnet.trace.pcapng import Place
from meshnet.trace.seen import Sighting

_SHOWN = 12
"""How many of the frames that were seen a failure lists."""

_EXPERIMENTAL = 0x88B5
"""IEEE 802's ethertype for experiments: nobody takes such a frame for anything."""

_MAC = bytes.fromhex("02ca0a121e00")
_CANARY = _MAC + _MAC + _EXPERIMENTAL.to_bytes(2, "big") + b"canary "
_SHORTEST = 60
_numbers = count(1)


class Expectation:
    """``packet`` is the first that matched, once the block has ended."""

    def __init__(self) -> None:
        self.packet: Packet | None = None


class Expect:
    """The fixtures ``expect_packet``, and with ``absent`` ``expect_no_packet``."""

    def __init__(self, lab: Lab, *, absent: bool = False) -> None:
        self._lab = lab
        self._absent = absent

    def __repr__(self) -> str:
        return "<expect_no_packet>" if self._absent else "<expect_packet>"

    @contextmanager
    def __call__(
        self, at: At | Sequence[At], match: Packet, *, within: float = 5.0, filter: str = ""
    ) -> Iterator[Expectation]:
        """Looks at a place, or several, while the block lasts, for a packet that ``match`` describes: its layers, with
        the fields that were set. One that is expected may come up to ``within`` seconds after the block.

        That none came is known for certain of what was sent before the block ended: at its end a frame that nobody
        takes is sent by each interface that is looked at, and waited for there.
        """
        __tracebackhide__ = True
        places = places_of(at)
        if self._absent and filter:
            filter = f"({filter}) or ether proto {_EXPERIMENTAL:#x}"
        recording = Recording(self._lab.bench, places, filter)
        self._lab.evidence.recordings.append(recording)
        found = _Found(match)
        expectation = Expectation()
        try:
            yield expectation
            if self._absent:
                self._prove(recording)
            else:
                recording.wait(found.look, scaled(within))
        finally:
            recording.stop()
        found.look(recording.seen)
        expectation.packet = found.packet
        self._judge(recording, places, found, within)

    def _judge(self, recording: Recording, places: list[str], found: _Found, within: float) -> None:
        __tracebackhide__ = True
        where, what = " or ".join(places), found.match.command()
        if found.packet is not None and self._absent:
            packet = found.packet
            pytest.fail(f"expected no {what} at {where}, found one at {packet.place}:\n{_line(packet)}")
        if recording.dropped:
            pytest.fail(f"the capture at {where} lost frames, so nothing is certain: {recording.dropped}")
        if found.packet is None and not self._absent:
            seen = [dissected(each) for each in recording.seen]
            pytest.fail(f"expected {what} at {where} within {within:g} s, found {_listed(seen)}")

    def _prove(self, recording: Recording) -> None:
        """Send the canary by each interface, and wait until it was seen there."""
        canary = (_CANARY + str(next(_numbers)).encode()).ljust(_SHORTEST, b"\0")
        for place in recording.places:
            try:
                self._lab.bench.call("inject", at=str(place.at), interface=place.interface, frames=[canary.hex()])
            except MeshnetError as error:
                pytest.fail(f"nothing is certain of {place}: no canary could be sent there: {error}")
        missing = set(recording.places)

        def all_there(seen: list[Sighting]) -> bool:
            missing.difference_update(Place(each.at, each.interface) for each in seen if each.data.startswith(canary))
            return not missing

        if not recording.wait(all_there, scaled(ANSWER)):
            names = ", ".join(map(str, sorted(missing)))
            pytest.fail(f"nothing is certain of {names}: the canary that was sent there last was not seen")


class _Found:
    """Looks through what has been seen, each frame once."""

    def __init__(self, match: Packet) -> None:
        self.match = match
        self.packet: Packet | None = None
        self._looked_at = 0

    def look(self, seen: list[Sighting]) -> bool:
        while self.packet is None and self._looked_at < len(seen):
            packet = dissected(seen[self._looked_at])
            self._looked_at += 1
            if matches(self.match, packet):
                self.packet = packet
        return self.packet is not None


def _listed(seen: list[Packet]) -> str:
    if not seen:
        return "nothing"
    more = f"\n... and {len(seen) - _SHOWN} more" if len(seen) > _SHOWN else ""
    return "\n".join(("", *map(_line, seen[:_SHOWN]))) + more


def _line(packet: Packet) -> str:
    return f"  {packet.direction:<3} {packet.place}  {packet.summary()}"
