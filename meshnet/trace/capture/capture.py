"""A capture in many namespaces."""

from __future__ import annotations

import select
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from meshnet.kernel.namespaces import NetNamespace
from meshnet.netstate import NamespaceRef
from meshnet.trace.capture.tap import SNAPLEN, Record, Tap
from meshnet.trace.seen import Sighting


class Capture:
    """Every frame of ``namespaces`` for as long as it is entered; once."""

    def __init__(self, namespaces: Mapping[NamespaceRef, NetNamespace], snaplen: int = SNAPLEN) -> None:
        self._namespaces, self._snaplen = namespaces, snaplen
        self._taps: dict[int, Tap] = {}
        self._records: list[tuple[Tap, Record]] = []
        self._poll = select.epoll()
        self._lock = threading.Lock()
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Raises ``OSError``; then nothing is open."""
        with ExitStack() as stack:
            for ref, namespace in self._namespaces.items():
                tap = Tap(ref, namespace, self._snaplen)
                stack.callback(tap.close)
                self._taps[tap.fileno()] = tap
                self._poll.register(tap, select.EPOLLIN)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.drain()
        self._stack.close()

    def drain(self) -> None:
        """Take what has come off the sockets. Doesn't wait."""
        with self._lock:
            for fd, _ in self._poll.poll(0, len(self._taps)):
                tap = self._taps[fd]
                self._records += [(tap, record) for record in tap.drain()]

    def sightings(self) -> list[Sighting]:
        """All so far, those of one namespace in the order in which they came."""
        self.drain()
        return [tap.sighting(record) for tap, record in self._records]

    @property
    def dropped(self) -> dict[NamespaceRef, int]:
        """Frames there was no room for, by namespace; complete once it is left."""
        return {tap.ref: tap.dropped for tap in self._taps.values() if tap.dropped}
