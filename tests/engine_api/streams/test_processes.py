"""Programs on a taken-over connection, as ``docker exec`` has them."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.engine_api.streams.conftest import Scene
from tests.engine_api.streams.engine import BareEngine, Connection, output

Play = Callable[[Scene], None]
HUNDRED_MEGABYTES = 100_000_000


async def until(condition: Callable[[], bool]) -> None:
    """The scene's own deadline ends a wait in vain."""
    while not condition():
        await asyncio.sleep(0.005)


def open_files() -> int:
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir()))


async def told(bare: BareEngine, path: str, *cmd: str) -> tuple[int, bytes, bytes]:
    """Status, output and error output."""
    client = await (await Connection.open(path)).exec(*cmd, AttachStdin=False)
    said = await client.rest()
    client.close()
    return bare.statuses["one"], output(said, 1), output(said, 2)


def test_outputs_stay_apart_and_the_status_is_known_before_the_stream_ends(play: Play) -> None:
    async def scene(bare: BareEngine, path: str) -> None:
        assert await told(bare, path, "sh", "-c", "echo out; echo err >&2; exit 7") == (7, b"out\n", b"err\n")
        assert await told(bare, path, "sh", "-c", "kill -TERM $$") == (128 + signal.SIGTERM, b"", b"")

    play(scene)


def test_a_program_that_can_not_start_is_told_on_its_output(play: Play) -> None:
    async def scene(bare: BareEngine, path: str) -> None:
        before = open_files()
        assert await told(bare, path, "no-such-program") == (127, b"no no-such-program here\r\n", b"")
        await until(lambda: open_files() == before)

    play(scene)


@pytest.mark.parametrize("count", [1, 8])
def test_a_hundred_megabytes_each_way_come_back_unharmed(play: Play, count: int) -> None:
    """Through one connection, and through several at once."""
    size = HUNDRED_MEGABYTES // count
    block = os.urandom(1_000_003)

    async def one(path: str, key: str) -> None:
        client = await (await Connection.open(path)).exec("cat", key=key)

        async def send() -> None:
            for start in range(0, size, len(block)):
                await client.send(block[: size - start])
            client.writer.write_eof()

        sending = asyncio.create_task(send())
        seen = 0
        while header := await client.reader.read(1):
            header += await client.reader.readexactly(7)
            assert header[0] == 1
            payload = await client.reader.readexactly(int.from_bytes(header[4:], "big"))
            offset = seen % len(block)
            assert payload == (block[offset:] + block)[: len(payload)]
            seen += len(payload)
        await sending
        client.close()
        assert seen == size

    async def scene(bare: BareEngine, path: str) -> None:
        await asyncio.gather(*(one(path, str(number)) for number in range(count)))
        assert set(bare.statuses.values()) == {0}

    play(scene)


def test_fifty_at_once_are_all_served(play: Play) -> None:
    async def one(path: str, key: str) -> bytes:
        client = await (await Connection.open(path)).exec("sh", "-c", "cat; echo $$ >&2", key=key)
        await client.send(key.encode() * 10_000, end=True)
        said = await client.rest()
        client.close()
        assert output(said, 2)
        return output(said)

    async def scene(bare: BareEngine, path: str) -> None:
        keys = [str(number) for number in range(50)]
        answers = await asyncio.gather(*(one(path, key) for key in keys))
        assert answers == [key.encode() * 10_000 for key in keys]

    play(scene)


def test_output_that_comes_after_the_end_of_the_input_still_arrives(play: Play) -> None:
    async def scene(bare: BareEngine, path: str) -> None:
        client = await (await Connection.open(path)).exec("sh", "-c", "cat >/dev/null; echo after; exit 3")
        await client.send(b"some", end=True)
        assert output(await client.rest()) == b"after\n"
        assert bare.statuses == {"one": 3}
        client.close()

    play(scene)


def test_programs_and_clients_that_stand_still_hold_up_nobody_else(play: Play) -> None:
    async def scene(bare: BareEngine, path: str) -> None:
        deaf = await (await Connection.open(path)).exec("sleep", "1000", key="deaf")
        deaf.writer.write(b"x" * 5_000_000)
        still = await (await Connection.open(path)).exec("cat", "/dev/zero", key="still")
        assert (await told(bare, path, "echo", "through"))[1] == b"through\n"
        for client, child in zip((deaf, still), bare.children, strict=False):
            client.writer.transport.abort()
            child.kill()

    play(scene)


def test_what_a_program_leaves_behind_is_waited_for_only_so_long(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meshnet.engine_api.streams.processes._PATIENCE", 0.1)

    async def scene(bare: BareEngine, path: str) -> None:
        _, said, _ = await told(bare, path, "sh", "-c", "(sleep 0.02; echo late; exec sleep 1000) & echo $!")
        pid, late = said.split()
        os.kill(int(pid), signal.SIGKILL)
        assert late == b"late"

    play(scene)


def test_a_vanished_client_ends_no_program_and_leaves_nothing_open(play: Play) -> None:
    async def scene(bare: BareEngine, path: str) -> None:
        before = open_files()
        client = await (await Connection.open(path)).exec(
            "sh", "-c", "trap '' TERM; echo here; read line; yes | head -c 2000000; exit 5"
        )
        await client.until(b"here\n")
        client.writer.transport.abort()
        await until(lambda: "one" in bare.statuses)
        assert bare.statuses == {"one": 5}
        await until(lambda: open_files() == before)
        with pytest.raises(ChildProcessError):
            os.waitpid(-1, os.WNOHANG)

    play(scene)


def test_a_program_on_a_terminal_outlives_its_client(play: Play) -> None:
    async def scene(bare: BareEngine, path: str) -> None:
        before = open_files()
        client = await (await Connection.open(path)).exec("sh", "-c", "echo here; sleep 0.1; echo; exit 5", Tty=True)
        await client.until(b"here\r\n")
        client.writer.transport.abort()
        await until(lambda: "one" in bare.statuses)
        assert bare.statuses == {"one": 5}
        await until(lambda: open_files() == before)

    play(scene)


def test_a_terminal_has_the_size_it_is_given_and_takes_another(play: Play) -> None:
    async def scene(bare: BareEngine, path: str) -> None:
        script = "stty size; trap 'stty size; exit 0' WINCH; echo ready; while :; do sleep 0.01; done"
        client = await (await Connection.open(path)).exec("sh", "-c", script, Tty=True, ConsoleSize=[33, 101])
        assert await client.until(b"ready\r\n") == b"33 101\r\nready\r\n"
        bare.programs["one"].resize(44, 132)
        assert await client.rest() == b"44 132\r\n"
        bare.programs["one"].resize(1, 1)  # it has ended: nothing happens
        client.close()

    play(scene)


def test_ctrl_c_interrupts_what_runs_on_a_terminal(play: Play) -> None:
    """Also where the engine itself ignores SIGINT, as what a script starts in the background does."""

    async def scene(bare: BareEngine, path: str) -> None:
        client = await (await Connection.open(path)).exec("sh", "-c", "echo ready; exec sleep 1000", Tty=True)
        await client.until(b"ready\r\n")
        await client.send(b"\x03")
        assert await client.rest() == b"^C"
        assert bare.statuses == {"one": 128 + signal.SIGINT}
        client.close()

    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        play(scene)
    finally:
        signal.signal(signal.SIGINT, previous)


@pytest.mark.parametrize("tty", [True, False])
def test_a_detached_program_runs_with_nobody_there(play: Play, tmp_path: Path, tty: bool) -> None:
    file = tmp_path / "written"

    async def scene(bare: BareEngine, path: str) -> None:
        client = await (await Connection.open(path)).exec(
            "sh", "-c", f"yes | head -c 1000000; test -t 0; echo $? > {file}; exit 4", Detach=True, Tty=tty
        )
        assert client.head.startswith("HTTP/1.1 200 OK\r\n")
        await until(lambda: bool(bare.statuses))
        assert bare.statuses == {"one": 4}
        assert file.read_text() == ("0\n" if tty else "1\n")
        client.close()

    play(scene)


def test_nothing_is_left_open_after_many_programs(play: Play) -> None:
    async def many(bare: BareEngine, path: str) -> None:
        runs: list[Awaitable[object]] = []
        for number in range(10):
            runs.append(told(bare, path, "echo", str(number)))
            runs.append(told(bare, path, "no-such-program"))
        await asyncio.gather(*runs)

    async def scene(bare: BareEngine, path: str) -> None:
        await many(bare, path)
        await until(lambda: not asyncio.all_tasks() - {asyncio.current_task()})
        before = open_files()
        await many(bare, path)
        await until(lambda: open_files() == before)

    play(scene)
