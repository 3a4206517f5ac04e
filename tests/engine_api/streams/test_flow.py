"""A taken-over stream's two directions: who waits for whom, and how it ends. The transport is the test's."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from unittest.mock import create_autospec

import pytest
from aiohttp import web

from meshnet.engine_api.streams import HijackedStream
from tests.engine_api.streams.conftest import Scene
from tests.engine_api.streams.engine import BareEngine, Connection

PIECE = b"x" * 64 * 1024


class Wire(asyncio.Transport):
    """What the stream asks of its connection."""

    def __init__(self) -> None:
        super().__init__()
        self.reading = True
        self.asked: list[str] = []

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self.asked.append(f"no more than {high} waiting")

    def write(self, data: Any) -> None:
        self.asked.append("write")

    def write_eof(self) -> None:
        self.asked.append("write_eof")

    def close(self) -> None:
        self.asked.append("close")

    def is_closing(self) -> bool:
        return "close" in self.asked


def on_a_wire(test: Callable[[HijackedStream, Wire], Awaitable[None]]) -> Callable[[], None]:
    def body() -> None:
        async def main() -> None:
            wire = Wire()
            async with asyncio.timeout(10):
                await test(HijackedStream(wire, create_autospec(web.RequestHandler), half_closed=False), wire)

        asyncio.run(main())

    body.__name__ = test.__name__
    return body


async def settle() -> None:
    """Let every task get as far as it can."""
    for _ in range(10):
        await asyncio.sleep(0)


@on_a_wire
async def test_no_more_is_received_while_nobody_asks_for_it(stream: HijackedStream, wire: Wire) -> None:
    pieces = 0
    while wire.reading:
        stream.data_received(PIECE)
        pieces += 1
        assert pieces < 100
    assert await stream.read() == PIECE
    assert wire.reading
    for _ in range(pieces - 1):
        assert await stream.read() == PIECE


@on_a_wire
async def test_a_writer_waits_while_the_client_takes_nothing(stream: HijackedStream, wire: Wire) -> None:
    await stream.write(PIECE)
    stream.pause_writing()
    writing = asyncio.create_task(stream.write(PIECE))
    await settle()
    assert not writing.done()
    stream.resume_writing()
    await writing
    assert wire.asked == ["write", "write"]


@on_a_wire
async def test_a_waiting_writer_and_a_waiting_reader_hear_that_the_client_is_gone(
    stream: HijackedStream, wire: Wire
) -> None:
    stream.pause_writing()
    writing = asyncio.create_task(stream.write(PIECE))
    reading = asyncio.create_task(stream.read())
    await settle()
    stream.connection_lost(None)
    assert await reading == b""
    with pytest.raises(ConnectionResetError):
        await writing


@on_a_wire
async def test_the_end_waits_for_what_is_written_and_for_the_clients_end(stream: HijackedStream, wire: Wire) -> None:
    stream.pause_writing()
    closing = asyncio.create_task(stream.close())
    await settle()
    assert wire.asked == ["no more than 0 waiting"]
    stream.resume_writing()
    for _ in range(20):
        stream.data_received(PIECE)  # to close with this unread would be an error at the other end
        await settle()
    assert wire.asked[1:] == ["write_eof"]
    assert wire.reading
    stream.eof_received()
    await closing
    assert wire.asked[1:] == ["write_eof", "close"]
    await stream.close()
    assert wire.asked[1:] == ["write_eof", "close"]


def test_the_server_knows_no_connection_that_has_ended(play: Callable[[Scene], None]) -> None:
    async def scene(bare: BareEngine, path: str) -> None:
        for tty in (True, False):
            client = await (await Connection.open(path)).exec("true", Tty=tty)
            assert len(bare.connections) == 1
            await client.rest()
            client.close()
            while bare.connections:
                await asyncio.sleep(0)

    play(scene)
