"""A capture in many namespaces."""

from __future__ import annotations

import os
import select
import threading
import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from types import TracebackType
from typing import Self

from meshnet.errors import InputError
from meshnet.kernel.namespaces import NetNamespace, journey
from meshnet.netstate import NamespaceRef
from meshnet.trace.capture.filter import Program
from meshnet.trace.capture.receiver import SNAPLENS, Receiver
from meshnet.trace.capture.tap import BUFFER, Frame, Tap
from meshnet.trace.seen import Sighting

SNAPLEN = 512
"""Bytes kept of each frame: two stacks of headers, and what a probe is known by."""

_EVER = 1 << 63


class Capture:
    """Every frame of ``namespaces`` for as long as it is entered; once.

    The kernel keeps what comes until it is asked for, by any thread: whoever captures much asks whenever ``fileno`` is
    readable. Frames there was no room for are counted in ``dropped``.
    """

    def __init__(
        self,
        namespaces: Mapping[NamespaceRef, NetNamespace],
        snaplen: int = SNAPLEN,
        *,
        program: Program | None = None,
        buffer: int = BUFFER,
    ) -> None:
        """``program`` is a filter, ``snaplen`` how many bytes of each frame are kept, ``buffer`` how many bytes the
        kernel keeps of each namespace. Raises ``InputError`` for a ``snaplen`` that can't be."""
        if snaplen not in SNAPLENS:
            raise InputError(f"expected to keep {SNAPLENS[0]} to {SNAPLENS[-1]} bytes of a frame, found {snaplen}")
        self._namespaces, self._program, self._buffer = dict(namespaces), program, buffer
        self._taps: dict[int, Tap] = {}
        self._frames: list[Frame] = []
        self._gone: Counter[NamespaceRef] = Counter()
        self._receiver = Receiver(snaplen)
        self._poll: select.epoll | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        """Nothing that happens after it is missed. Raises ``OSError`` and ``InputError``; then nothing is open."""
        self._poll = select.epoll()
        try:
            with journey():
                for ref, namespace in self._namespaces.items():
                    self._add(ref, namespace)
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """What has come by now stays to be had."""
        self.seal()
        with self._lock:
            self._close()

    def fileno(self) -> int:
        """Of a descriptor, while it is entered, that is readable whenever something has come."""
        return self._poll.fileno() if self._poll is not None else -1

    @property
    def taps(self) -> tuple[Tap, ...]:
        """Those that are open."""
        return tuple(self._taps.values())

    def sightings(self) -> list[Sighting]:
        """All so far that wasn't taken, those of one namespace in the order in which they came. Doesn't wait."""
        with self._lock:
            self._drain(time.time_ns())
            frames = list(self._frames)
        return [frame.sighting for frame in frames]

    def take(self) -> list[Frame]:
        """All up to this moment that wasn't taken yet, of all namespaces in the order of time, which ``sightings`` then
        hasn't any more. Doesn't wait."""
        now = time.time_ns()
        with self._lock:
            self._drain(now)
            self._frames.sort(key=lambda frame: frame.time)
            late = [frame for frame in self._frames if frame.time > now] if self._taps else []
            frames = self._frames[: len(self._frames) - len(late)]
            self._frames = late
        return frames

    def seal(self) -> None:
        """See nothing more. What has come until now is taken off the sockets."""
        with self._lock:
            self._seal(self._taps.values())

    def follow(self, namespaces: Mapping[NamespaceRef, NetNamespace]) -> tuple[Tap, ...]:
        """Capture in these from now on, if it is entered, and let go of the others; returns the taps that were added.
        Namespaces that go meanwhile are left out."""
        with self._lock:
            if self._poll is None:
                return ()
            gone = [tap for tap in self._taps.values() if namespaces.get(tap.ref) is not tap.namespace]
            self._seal(gone)
            self._drop(gone)
            there = {tap.ref for tap in self._taps.values()}
            return tuple(self._joined({ref: each for ref, each in namespaces.items() if ref not in there}))

    @property
    def dropped(self) -> dict[NamespaceRef, int]:
        """Frames there was no room for, by namespace; complete once it is left."""
        with self._lock:
            totals = self._gone + Counter({tap.ref: tap.count() for tap in self._taps.values()})
        return {ref: count for ref, count in totals.items() if count}

    def _add(self, ref: NamespaceRef, namespace: NetNamespace) -> Tap:
        assert self._poll is not None
        tap = Tap(ref, namespace, self._program, self._buffer)
        self._taps[tap.fileno()] = tap
        self._poll.register(tap, select.EPOLLIN)
        return tap

    def _joined(self, namespaces: Mapping[NamespaceRef, NetNamespace]) -> Iterator[Tap]:
        with journey():
            for ref, namespace in namespaces.items():
                with suppress(OSError):
                    yield self._add(ref, namespace)

    def _drop(self, taps: Collection[Tap]) -> None:
        for tap in taps:
            del self._taps[tap.fileno()]
        _close_all(taps)
        self._gone.update({tap.ref: tap.dropped for tap in taps})

    def _seal(self, taps: Iterable[Tap]) -> None:
        for tap in taps:
            tap.seal()
            self._frames += tap.take(self._receiver, _EVER)

    def _drain(self, until: int) -> None:
        if self._poll is not None:
            for fd, _ in self._poll.poll(0, max(1, len(self._taps))):
                self._frames += self._taps[fd].take(self._receiver, until)

    def _close(self) -> None:
        self._drop(self.taps)
        if self._poll is not None:
            self._poll.close()
            self._poll = None


def _close_all(taps: Collection[Tap]) -> None:
    """All at once: for each the kernel waits some 15 ms until no other processor can be in it (``synchronize_net``).
    Where there is none it doesn't wait, and threads would only cost."""
    if len(taps) <= 1 or os.cpu_count() == 1:
        for tap in taps:
            tap.close()
        return
    with ThreadPoolExecutor(len(taps)) as pool:
        list(pool.map(Tap.close, taps))
