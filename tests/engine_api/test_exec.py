"""``docker exec`` over a machine's socket."""

from __future__ import annotations

import os
import signal
from typing import Any

from tests.engine_api.conftest import Play
from tests.engine_api.local import Client, Lab
from tests.orchestrator.swarms import MANAGER


async def _made(client: Client, *argv: str, **more: Any) -> str:
    body = {"Cmd": argv, "AttachStdout": True, "AttachStderr": True, **more}
    return str((await client.post("/containers/box/exec", body))["Id"])


def test_program_has_its_outputs_apart_and_its_exit_code(in_lab: Play) -> None:
    async def scene(lab: Lab) -> None:
        client = lab[MANAGER]
        await client.run("sleep", "1000", name="box")
        id = await _made(client, "sh", "-c", "echo out; exec 1>&-; echo $A >&2; exit 3", Env=["A=err"])
        assert (await client.get(f"/exec/{id}/json"))["ExitCode"] is None
        reader, writer = await client.hijack(f"/exec/{id}/start", {"Detach": False})
        said = await reader.read()
        assert said in (b"\1\0\0\0\0\0\0\4out\n\2\0\0\0\0\0\0\4err\n", b"\2\0\0\0\0\0\0\4err\n\1\0\0\0\0\0\0\4out\n")
        shown = await client.get(f"/exec/{id}/json")
        assert (shown["Running"], shown["ExitCode"]) == (False, 3)
        writer.close()

    in_lab(scene)


def test_program_reads_until_the_client_has_said_its_last(in_lab: Play) -> None:
    async def scene(lab: Lab) -> None:
        client = lab[MANAGER]
        await client.run("sleep", "1000", name="box")
        id = await _made(client, "cat", AttachStdin=True)
        reader, writer = await client.hijack(f"/exec/{id}/start")
        writer.write(b"hello")
        writer.write_eof()
        assert await reader.read() == b"\1\0\0\0\0\0\0\5hello"
        writer.close()

    in_lab(scene)


def test_terminal_has_the_size_it_was_asked_with_and_no_frames(in_lab: Play) -> None:
    async def scene(lab: Lab) -> None:
        client = lab[MANAGER]
        await client.run("sleep", "1000", name="box")
        id = await _made(client, "stty", "size", Tty=True)
        assert (await client.refused("POST", f"/exec/{id}/resize?h=1&w=2"))[0] == 400
        reader, writer = await client.hijack(f"/exec/{id}/start", {"Tty": True, "ConsoleSize": [33, 99]})
        assert await reader.read() == b"33 99\r\n"
        writer.close()

    in_lab(scene)


def test_program_that_is_not_there_is_told_in_dockers_words(in_lab: Play) -> None:
    async def scene(lab: Lab) -> None:
        client = lab[MANAGER]
        await client.run("sleep", "1000", name="box")
        id = await _made(client, "nosuch")
        reader, writer = await client.hijack(f"/exec/{id}/start")
        assert b'exec: "nosuch": executable file not found in $PATH' in await reader.read()
        assert (await client.get(f"/exec/{id}/json"))["ExitCode"] == 127
        writer.close()
        id = await _made(client, "nosuch")
        assert (await client.refused("POST", f"/exec/{id}/start", {"Detach": True}))[0] == 400

    in_lab(scene)


def test_detached_program_is_not_waited_for_and_starts_once(in_lab: Play) -> None:
    async def scene(lab: Lab) -> None:
        client = lab[MANAGER]
        await client.run("sleep", "1000", name="box")
        id = await _made(client, "sleep", "1000")
        await client.post(f"/exec/{id}/start", {"Detach": True})
        assert (await client.get(f"/exec/{id}/json"))["Running"]
        assert (await client.get("/containers/box/json"))["ExecIDs"] == [id]
        assert (await client.refused("POST", f"/exec/{id}/start", {"Detach": True}))[0] == 409
        os.kill((await client.get(f"/exec/{id}/json"))["Pid"], signal.SIGKILL)

    in_lab(scene)


def test_nothing_runs_in_a_container_that_does_not(in_lab: Play) -> None:
    async def scene(lab: Lab) -> None:
        client = lab[MANAGER]
        made = await client.post("/containers/create", {"Image": "busybox"}, name="box")
        refusal = await client.refused("POST", "/containers/box/exec", {"Cmd": ["ls"]})
        assert refusal == (409, f"container {made['Id']} is not running")
        assert await client.refused("GET", "/exec/nope/json") == (404, "No such exec instance: nope")
        await client.post("/containers/box/start")
        assert await client.refused("POST", "/containers/box/exec", {}) == (400, "No exec command specified")

    in_lab(scene)
