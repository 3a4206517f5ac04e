"""Frames captured while a test does something."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeAlias

import pytest
from scapy.layers import vxlan
from scapy.layers.l2 import Ether
from scapy.packet import Packet
from scapy.utils import EDecimal

from meshnet.errors import MeshnetError
from meshnet.lab.control.client import answer
from meshnet.lab.control.wire import Frame, Json, Kind, credit_frame
from meshnet.lab.deadlines import ANSWER, scaled
from meshnet.pytest_plugin.bench import Bench
from meshnet.pytest_plugin.lab import Lab, Node, Task
from meshnet.trace.pcapng import Place, Reader
from meshnet.trace.seen import Sighting

At: TypeAlias = str | Node | Task
"""``NODE``, ``NODE/NS`` or ``NODE/NS/IF``, parts with wildcards; a node stands for all on it, a task for its
namespace."""

_VXLAN = vxlan.VXLAN
_NANOSECOND = EDecimal("1e-9")


class Recording:
    """A capture under way. ``places`` are the interfaces it is of. A thread takes what comes until ``stop``."""

    def __init__(self, bench: Bench, at: Sequence[str] = (), filter: str = "") -> None:
        """Returns when nothing is missed any more. Raises ``InputError`` for a place or filter that can't be."""
        self.pcapng = bytearray()
        self.result: Json = {}
        self._reader = Reader()
        self._seen: list[Sighting] = []
        self._news = threading.Condition()
        self._over = False
        self._sending = threading.Lock()
        self._client = bench.new_client()
        try:
            self._channel = self._client.open("capture", at=list(at), filter=filter)
            while not self._begun(self._client.receive()):
                pass
        except BaseException:
            self._client.close()
            raise
        self._thread = threading.Thread(target=self._run, name="capture", daemon=True)
        self._thread.start()

    @property
    def places(self) -> list[Place]:
        return list(self._reader.places)

    @property
    def seen(self) -> list[Sighting]:
        """What has come so far, in order."""
        with self._news:
            return list(self._seen)

    @property
    def dropped(self) -> dict[str, int]:
        """What there was no room for, by namespace; known once it is stopped."""
        return dict(self.result.get("dropped", {}))

    def wait(self, holds: Callable[[list[Sighting]], bool], seconds: float) -> bool:
        """Whether ``holds`` comes to be true of what has been seen, in that time."""
        deadline = time.monotonic() + seconds
        with self._news:
            while not holds(self._seen):
                left = deadline - time.monotonic()
                if left <= 0 or self._over:
                    return False
                self._news.wait(left)
        return True

    def stop(self) -> None:
        """End it, and take what is still on its way. Raises what the lab raised meanwhile."""
        with self._sending:
            self._client.send(Frame(self._channel, Kind.END_STDIN))
        self._thread.join(scaled(ANSWER))
        self._client.close()
        answer(self.result)

    def _begun(self, frames: Iterable[Frame]) -> bool:
        """Whether the names of all interfaces have come: the first output."""
        for frame in frames:
            if frame.kind is Kind.RESULT:
                answer(frame.json)
            elif frame.kind is Kind.STDOUT:
                self._take(frame.payload)
        return bool(self.pcapng)

    def _run(self) -> None:
        try:
            while not self.result:
                for frame in self._client.receive():
                    if frame.kind is Kind.STDOUT:
                        self._take(frame.payload)
                    elif frame.kind is Kind.RESULT:
                        self.result = frame.json
        except (MeshnetError, OSError) as error:
            self.result = {"error": {"kind": "lab", "message": f"the capture broke off: {error}"}}
        with self._news:
            self._over = True
            self._news.notify_all()

    def _take(self, data: bytes) -> None:
        with self._news:
            self.pcapng += data
            self._seen.extend(self._reader.feed(data))
            self._news.notify_all()
        with self._sending:
            self._client.send(credit_frame(self._channel, len(data)))


class Frames(list[Packet]):
    """What was captured: scapy's packets from Ether on, VXLAN and what is in it included.

    Each has its ``place`` (``node/namespace/interface``), its ``direction`` there (``in`` or ``out``) and its ``time``
    in seconds since the epoch. They are there once the capture has ended; ``wait`` is for the time before.
    """

    def __init__(self, recording: Recording) -> None:
        super().__init__()
        self._recording = recording

    def wait(self, count: int = 1, within: float = 5.0) -> bool:
        """Whether ``count`` frames come in that many seconds."""
        return self._recording.wait(lambda seen: len(seen) >= count, scaled(within))

    def at(self, interface: str) -> list[Packet]:
        """Those of one interface, by its name alone or by its whole place."""
        return [each for each in self if interface in (each.place, each.place.rpartition("/")[2])]


def dissected(seen: Sighting) -> Packet:
    packet = Ether(seen.data)
    packet.place = str(Place(seen.at, seen.interface))
    packet.direction = "out" if seen.direction.out else "in"  # type: ignore[assignment]  # a number in Bluetooth only
    packet.time = EDecimal(seen.time) * _NANOSECOND
    packet.wirelen = seen.length
    return packet


class StartCapture:
    """The fixture ``capture``."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab

    def __repr__(self) -> str:
        return "<capture>"

    @contextmanager
    def __call__(self, at: At | Sequence[At] = (), filter: str = "") -> Iterator[Frames]:
        """Capture while the block lasts, at a place or several, everywhere without one. ``filter`` is tcpdump's: of
        VXLAN it sees the outer headers. Fails the test where frames were lost."""
        __tracebackhide__ = True
        recording = Recording(self._lab.bench, places_of(at), filter)
        frames = Frames(recording)
        self._lab.evidence.recordings.append(recording)
        try:
            yield frames
        finally:
            recording.stop()
            frames.extend(map(dissected, recording.seen))
        if recording.dropped:
            lost = ", ".join(f"{count} of {place}" for place, count in recording.dropped.items())
            pytest.fail(f"the capture lost frames, so nothing is certain: {lost}", pytrace=False)


def places_of(at: At | Sequence[At]) -> list[str]:
    several = [at] if isinstance(at, str | Node | Task) else at
    return [each if isinstance(each, str) else each.place for each in several]
