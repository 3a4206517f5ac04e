"""What a container has said: its log, as ``docker logs`` reads it."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass

from meshnet.lab.programs import Output

LIMIT = 1024 * 1024
"""Bytes of text kept of one container. Docker keeps everything; a lab's memory is what it runs in."""

LONGEST_LINE = 16 * 1024
"""A longer one is cut, as Docker's log drivers cut it."""

_LINE_COST = 100
"""What a line takes beside its text, about: a million empty lines are not nothing."""

_NANOSECONDS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class LogLine:
    """``time`` is in nanoseconds since 1970; ``text`` has its line's end, if it had one."""

    time: int
    output: Output
    text: bytes

    def shown(self, *, timestamps: bool = False, details: str = "") -> bytes:
        """As ``docker logs`` sends it: the time to the nanosecond, then the details, then the text."""
        before = f"{timestamp(self.time)} " if timestamps else ""
        if details:
            before += f"{details} "
        return before.encode() + self.text


@dataclass(frozen=True, slots=True)
class LogQuery:
    """Which lines. ``tail`` counts from the end, of both outputs together; ``since`` and ``until`` are nanoseconds
    since 1970, both included. ``follow`` goes on with what is said from now on, up to ``until``."""

    stdout: bool = True
    stderr: bool = True
    tail: int | None = None
    since: int = 0
    until: int | None = None
    follow: bool = False

    def wants(self, line: LogLine) -> bool:
        output_wanted = self.stdout if line.output is Output.STDOUT else self.stderr
        return output_wanted and line.time >= self.since and (self.until is None or line.time <= self.until)


class LogBuffer:
    """One container's log, in memory. It belongs to the event loop's thread.

    The oldest lines go when there are more than ``limit`` bytes; ``dropped`` counts them.
    """

    def __init__(self, limit: int = LIMIT, clock: Callable[[], int] = time.time_ns) -> None:
        self.dropped = 0
        self.closed = False
        self._limit = limit
        self._clock = clock
        self._lines: deque[LogLine] = deque()
        self._size = 0
        self._unfinished = dict.fromkeys(Output, b"")
        self._readers: set[asyncio.Event] = set()

    def write(self, output: Output, data: bytes) -> None:
        """Take what was said. Lines count from their end on; an unfinished one waits for it, for ``LONGEST_LINE`` or
        for the end of the log."""
        now = self._clock()
        whole, end, rest = (self._unfinished[output] + data).rpartition(b"\n")
        if end:
            for line in whole.split(b"\n"):
                self._add(now, output, line + b"\n")
        while len(rest) >= LONGEST_LINE:
            self._add(now, output, rest[:LONGEST_LINE])
            rest = rest[LONGEST_LINE:]
        self._unfinished[output] = rest
        self._tell()

    def say(self, text: str) -> None:
        """A line of standard output."""
        self.write(Output.STDOUT, f"{text}\n".encode())

    def close(self) -> None:
        """Nothing more will be said: those who follow come to an end."""
        for output, rest in self._unfinished.items():
            if rest:
                self._add(self._clock(), output, rest)
                self._unfinished[output] = b""
        self.closed = True
        self._tell()

    async def read(self, query: LogQuery = LogQuery()) -> AsyncGenerator[LogLine, None]:
        """The lines that ``query`` asks for, oldest first. Whoever follows more slowly than the log drops lines misses
        what is dropped."""
        number = self.dropped + len(self._lines)
        number = self.dropped if query.tail is None else max(self.dropped, number - query.tail)
        news = asyncio.Event()
        self._readers.add(news)
        try:
            while True:
                while number < self.dropped + len(self._lines):
                    number = max(number, self.dropped)
                    line = self._lines[number - self.dropped]
                    number += 1
                    if query.wants(line):
                        yield line
                if not query.follow or self.closed or not await self._said(news, query.until):
                    return
        finally:
            self._readers.discard(news)

    async def _said(self, news: asyncio.Event, until: int | None) -> bool:
        """Wait for more; False when ``until`` has passed."""
        left = None if until is None else (until - self._clock()) / _NANOSECONDS
        try:
            async with asyncio.timeout(left):
                await news.wait()
        except TimeoutError:
            return False
        news.clear()
        return True

    def _add(self, now: int, output: Output, text: bytes) -> None:
        self._lines.append(LogLine(now, output, text))
        self._size += len(text) + _LINE_COST
        while self._size > self._limit and len(self._lines) > 1:
            self._size -= len(self._lines.popleft().text) + _LINE_COST
            self.dropped += 1

    def _tell(self) -> None:
        for news in self._readers:
            news.set()


def timestamp(nanoseconds: int) -> str:
    """RFC 3339 with nine digits of a second, as Docker writes it."""
    seconds, rest = divmod(nanoseconds, _NANOSECONDS)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{rest:09d}Z"
