"""How much a capture sees and how soon, beside scapy's: ``python -m meshnet.trace.capture.measure``, as root.

Namespaces in a ring are captured in while another process sends through all of them in turn.
"""

from __future__ import annotations

import json
import os
import select
import statistics
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import ExitStack

from meshnet.kernel.namespaces import NetNamespace
from meshnet.netstate import NamespaceRef
from meshnet.trace.capture import Capture
from meshnet.trace.capture.ring import LEFT, is_numbered, number_of, numbered, ring, sender

PACKETS, NAMESPACES, RATE = 20_000, 30, 20_000
"""Packets, the namespaces they cross, and how many a second are sent at most."""

Figures = dict[str, float]
"""``start`` in seconds, ``rate`` of what was sent a second, and packets that were ``captured``."""

_LEAST_SLEEP = 0.001
_PERIOD = 0.02
"""Seconds between two looks at what has come: with one for each frame, a machine of one CPU sends a tenth as fast."""

_STARTS = 5
_REST = 0.3
_QUIET = 0.3
"""Seconds without a frame after which there won't be any more."""


class Sending:
    """Another process at work, begun with a fork. ``fileno`` is readable once it is done."""

    def __init__(self, spaces: Iterable[NetNamespace]) -> None:
        self._reading, writing = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            try:
                os.write(writing, str(_send(spaces)).encode())
            finally:
                os._exit(0)
        os.close(writing)

    def fileno(self) -> int:
        return self._reading

    def rate(self) -> float:
        """Packets a second that it sent; to be asked once."""
        with os.fdopen(self._reading) as reading:
            seconds = float(reading.read())
        os.waitpid(self._pid, 0)
        return PACKETS / seconds


def _send(spaces: Iterable[NetNamespace]) -> float:
    """The seconds it took."""
    with ExitStack() as stack:
        senders = [stack.enter_context(sender(space)) for space in spaces]
        began = time.monotonic()
        for number in range(PACKETS):
            ahead = began + number / RATE - time.monotonic()
            if ahead > _LEAST_SLEEP:
                time.sleep(ahead)
            senders[number % len(senders)].send(numbered(number))
        return time.monotonic() - began


def ours(namespaces: Mapping[NamespaceRef, NetNamespace]) -> Figures:
    """By ``Capture``: packets that were seen where they left and where they came in."""
    start = statistics.median(_start(namespaces) for _ in range(_STARTS))
    with Capture(namespaces) as capture:
        sending = Sending(namespaces.values())
        frames, done = [], False
        while not done:
            done = bool(select.select([sending.fileno()], [], [], _PERIOD)[0])
            frames += capture.take()
        rate = sending.rate()
        while select.select([capture.fileno()], [], [], _QUIET)[0]:
            frames += capture.take()
        dropped = sum(capture.dropped.values())
    return _figures(start, rate, (frame.data for frame in frames), 2) | {"dropped": dropped}


def _start(namespaces: Mapping[NamespaceRef, NetNamespace]) -> float:
    """In a kernel at rest: it goes on for a while with the sockets that the last one closed."""
    time.sleep(_REST)
    began = time.perf_counter()
    with Capture(namespaces):
        return time.perf_counter() - began


def scapys(namespaces: Mapping[NamespaceRef, NetNamespace]) -> Figures:
    """By one of scapy's AsyncSniffers, with a socket in each namespace: packets that were seen where they came in,
    since a socket is of one interface. It doesn't say what it dropped."""
    from scapy.config import conf
    from scapy.sendrecv import AsyncSniffer

    ready = threading.Event()
    began = time.perf_counter()
    sockets = []
    for space in namespaces.values():
        with space.entered():
            conf.ifaces.reload()
            sockets.append(conf.L2listen(iface=LEFT))
    sniffer = AsyncSniffer(opened_socket=sockets, started_callback=ready.set)
    sniffer.start()
    ready.wait()
    start = time.perf_counter() - began
    sending = Sending(namespaces.values())
    rate = sending.rate()
    time.sleep(_QUIET)
    frames = sniffer.stop() or ()
    for each in sockets:
        each.close()
    return _figures(start, rate, map(bytes, frames), 1)


def _figures(start: float, rate: float, frames: Iterable[bytes], times: int) -> Figures:
    """Of a capture that sees each packet so many times if it misses none."""
    numbers = Counter(number_of(data) for data in frames if is_numbered(data))
    captured = sum(count == times for count in numbers.values())
    return {"start": start, "rate": rate, "captured": captured}


def main() -> None:
    with ring(NAMESPACES) as namespaces:
        sys.stdout.write(json.dumps({"ours": ours(namespaces), "scapy": scapys(namespaces)}) + "\n")


if __name__ == "__main__":
    main()
