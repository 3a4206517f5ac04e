"""A container's log, read as ``docker logs`` does."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshnet.lab.programs import Output
from meshnet.lab.workloads.logs import LONGEST_LINE, LogBuffer, LogLine, LogQuery, timestamp

SECOND = 1_000_000_000
PATIENCE = 10.0


def ticking() -> Iterator[int]:
    now = 0
    while True:
        now += SECOND
        yield now


def a_log(*texts: str, limit: int = 2**20) -> LogBuffer:
    """A log whose lines were said a second apart; those that begin with ``!`` on the error output."""
    ticks = ticking()
    log = LogBuffer(limit, clock=lambda: next(ticks))
    for text in texts:
        log.write(Output.STDERR if text.startswith("!") else Output.STDOUT, f"{text}\n".encode())
    return log


def read(log: LogBuffer, query: LogQuery | None = None) -> list[str]:
    async def main() -> list[LogLine]:
        async with asyncio.timeout(PATIENCE):
            return [line async for line in log.read(query or LogQuery())]

    return [line.text.decode().rstrip("\n") for line in asyncio.run(main())]


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        (LogQuery(), ["one", "!two", "three", "four"]),
        (LogQuery(stderr=False), ["one", "three", "four"]),
        (LogQuery(stdout=False), ["!two"]),
        (LogQuery(tail=2), ["three", "four"]),
        (LogQuery(tail=0), []),
        (LogQuery(tail=99), ["one", "!two", "three", "four"]),
        (LogQuery(tail=3, stderr=False), ["three", "four"]),
        (LogQuery(since=3 * SECOND), ["three", "four"]),
        (LogQuery(until=2 * SECOND), ["one", "!two"]),
        (LogQuery(since=2 * SECOND, until=3 * SECOND, tail=2), ["three"]),
        (LogQuery(follow=True, until=3 * SECOND), ["one", "!two", "three"]),
    ],
)
def test_a_query_gets_the_lines_it_asks_for(query: LogQuery, wanted: list[str]) -> None:
    assert read(a_log("one", "!two", "three", "four"), query) == wanted


def test_a_line_is_shown_with_its_time_and_details_before_it() -> None:
    line = LogLine(1_500_000_000_012_345_678, Output.STDOUT, b"hello\n")
    assert line.shown() == b"hello\n"
    assert line.shown(timestamps=True) == b"2017-07-14T02:40:00.012345678Z hello\n"
    assert line.shown(timestamps=True, details="a=b") == b"2017-07-14T02:40:00.012345678Z a=b hello\n"
    assert timestamp(0) == "1970-01-01T00:00:00.000000000Z"


def test_the_oldest_lines_are_dropped_and_counted() -> None:
    log = a_log(*(f"{number:0100}" for number in range(50)), limit=2010)
    assert [int(text) for text in read(log)] == list(range(50 - 10, 50))
    assert log.dropped == 40
    assert [int(text) for text in read(log, LogQuery(tail=3))] == [47, 48, 49]


@given(st.lists(st.binary(max_size=40), max_size=20))
def test_lines_are_whole_however_they_come(pieces: list[bytes]) -> None:
    log = LogBuffer()
    for piece in pieces:
        log.write(Output.STDOUT, piece)
    log.close()

    async def main() -> list[bytes]:
        return [line.text async for line in log.read()]

    *whole, rest = b"".join(pieces).split(b"\n")
    assert asyncio.run(main()) == [*(line + b"\n" for line in whole), *([rest] if rest else [])]


def test_a_line_without_an_end_is_cut_and_the_two_outputs_do_not_mix() -> None:
    log = LogBuffer()
    log.write(Output.STDOUT, b"be")
    log.write(Output.STDERR, b"oops\n")
    log.write(Output.STDOUT, b"gun\n" + b"x" * (LONGEST_LINE + 1))
    assert read(log) == ["oops", "begun", "x" * LONGEST_LINE]
    log.close()
    assert read(log)[-1] == "x"


def test_who_follows_gets_what_is_said_until_the_log_ends() -> None:
    log = a_log("before", "last")
    heard: list[str] = []

    async def follow() -> None:
        async for line in log.read(LogQuery(follow=True, tail=1)):
            heard.append(line.text.decode())

    async def main() -> None:
        async with asyncio.timeout(PATIENCE):
            following = asyncio.create_task(follow())
            while not heard:
                await asyncio.sleep(0)
            log.say("after")
            log.write(Output.STDOUT, b"unfinished")
            log.close()
            await following

    asyncio.run(main())
    assert heard == ["last\n", "after\n", "unfinished"]


def test_who_follows_slowly_misses_what_is_dropped_and_nothing_else() -> None:
    log = LogBuffer(limit=1000)
    heard: list[bytes] = []

    async def main() -> None:
        log.say("first")
        async for line in log.read(LogQuery(follow=True)):
            heard.append(line.text)
            if len(heard) == 1:
                for number in range(100):
                    log.say(str(number))
                log.close()

    asyncio.run(main())
    assert heard[0] == b"first\n"
    assert [int(text) for text in heard[1:]] == list(range(100 - len(heard) + 1, 100))
    assert len(heard) < 20


def test_a_reader_that_goes_is_forgotten() -> None:
    log = a_log("one", "two")

    async def main() -> None:
        reading = log.read(LogQuery(follow=True))
        assert (await anext(reading)).text == b"one\n"
        await reading.aclose()

    asyncio.run(main())
    assert not log._readers
