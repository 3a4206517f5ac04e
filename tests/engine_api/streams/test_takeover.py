"""A connection taken over from HTTP: what is answered, what is not lost, and how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from meshnet.engine_api.streams import MULTIPLEXED, RAW, media_type
from tests.engine_api.streams.conftest import Scene
from tests.engine_api.streams.engine import BareEngine, Connection, request

Play = Callable[[Scene], None]


@pytest.mark.parametrize(("tty", "media"), [(True, RAW), (False, MULTIPLEXED)])
def test_an_upgrade_is_answered_as_docker_does(play: Play, tty: bool, media: str) -> None:
    async def scene(bare: BareEngine, path: str) -> None:
        client = await (await Connection.open(path)).exec("true", Tty=tty)
        assert client.head.split("\r\n") == [
            "HTTP/1.1 101 UPGRADED",
            f"Content-Type: {media}",
            "Connection: Upgrade",
            "Upgrade: tcp",
            "Api-Version: 1.50",
            "",
            "",
        ]
        client.close()

    play(scene)


def test_the_older_form_without_headers_goes_raw_after_a_200(play: Play) -> None:
    async def scene(bare: BareEngine, path: str) -> None:
        client = await (await Connection.open(path)).exec("cat", upgrade=False, Tty=True)
        assert client.head.startswith(f"HTTP/1.1 200 OK\r\nContent-Type: {RAW}\r\n")
        assert "Upgrade" not in client.head
        await client.send(b"hello\n")
        assert await client.until(b"hello\r\nhello\r\n")
        client.close()
        bare.children[0].kill()

    play(scene)


@pytest.mark.parametrize("version", [(1, 41), (1, 42)])
def test_only_newer_clients_are_told_of_frames(version: tuple[int, int]) -> None:
    assert media_type(tty=False, version=version) == (MULTIPLEXED if version == (1, 42) else RAW)
    assert media_type(tty=True, version=version) == RAW


@pytest.mark.parametrize("upgrade", [True, False])
@pytest.mark.parametrize("size", [10, 1_000_000])
def test_what_stands_behind_the_request_is_input(play: Play, upgrade: bool, size: int) -> None:
    async def scene(bare: BareEngine, path: str) -> None:
        client = await Connection.open(path)
        await client.exec("sh", "-c", "wc -c", upgrade=upgrade, behind=b"x" * size)
        await client.send(b"yz", end=True)
        assert str(size + 2).encode() in await client.rest()
        client.close()

    play(scene)


@pytest.mark.parametrize("upgrade", [True, False])
def test_a_client_may_say_all_it_has_to_say_and_half_close_before_the_answer(play: Play, upgrade: bool) -> None:
    async def scene(bare: BareEngine, path: str) -> None:
        client = await Connection.open(path)
        await client.send(request("cat", upgrade=upgrade) + b"hello", end=True)
        assert (await client.rest()).endswith(b"\x01\0\0\0\0\0\0\x05hello")
        client.close()

    play(scene)


def test_a_request_that_is_refused_leaves_the_connection_for_the_next(play: Play) -> None:
    async def scene(bare: BareEngine, path: str) -> None:
        client = await Connection.open(path)
        await client.exec("true", key="unknown", behind=b"GET /_ping HTTP/1.1\r\nHost: docker\r\n\r\n")
        assert client.head.startswith("HTTP/1.1 404 Not Found\r\n")
        await client.until(b"}")
        await client.read_head()
        assert client.head.startswith("HTTP/1.1 200 OK\r\n")
        client.close()

    play(scene)


def test_a_half_closed_connection_is_answered_and_then_closed(play: Play) -> None:
    async def scene(bare: BareEngine, path: str) -> None:
        client = await Connection.open(path)
        await client.send(request("true", key="unknown"), end=True)
        assert (await client.rest()).startswith(b"HTTP/1.1 404 Not Found\r\n")
        silent = await Connection.open(path)
        await silent.send(b"", end=True)
        assert await silent.rest() == b""
        for one in (client, silent):
            one.close()

    play(scene)


def test_requests_before_the_one_that_takes_over_are_answered_on_the_same_connection(play: Play) -> None:
    async def scene(bare: BareEngine, path: str) -> None:
        client = await Connection.open(path)
        for _ in range(3):
            await client.send(b"GET /_ping HTTP/1.1\r\nHost: docker\r\n\r\n")
            await client.until(b"OK")
            await client.until(b"OK")
        await client.exec("echo", "done", Tty=True)
        assert await client.rest() == b"done\r\n"
        client.close()

    play(scene)


def test_input_that_nobody_took_does_not_break_the_end(play: Play) -> None:
    """A unix socket that is closed with bytes unread resets the other end."""

    async def scene(bare: BareEngine, path: str) -> None:
        client = await (await Connection.open(path)).exec("echo", "done")
        sending = asyncio.create_task(client.send(b"x" * 3_000_000))
        assert (await client.rest())[8:] == b"done\n"
        sending.cancel()
        client.close()

    play(scene)
