"""Requests that nobody in their right mind sends: each gets its refusal, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import gc
import json
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from meshnet.model import ContainerId
from tests.engine_api.bench import Bench, paper_bench
from tests.engine_api.checked import port, replicated, service
from tests.orchestrator.swarms import MANAGER

_NOTHING_DOES = 1 << 62


def play(scene: Callable[[Bench], Awaitable[None]]) -> None:
    async def main() -> None:
        async with asyncio.timeout(30), paper_bench() as bench:
            await scene(bench)

    asyncio.run(main())


def _refusal(method: str, path: str, body: object = None, **query: object) -> tuple[int, str]:
    """The status and sentence with which a new swarm's manager refuses a request."""
    said = []

    async def scene(bench: Bench) -> None:
        await bench.made("/networks/create", {"Name": "own"})
        await bench.made("/containers/create", {"Image": "busybox"}, name="box")
        await bench.made("/services/create", service("whoami"))
        await bench.made("/configs/create", {"Name": "kept", "Data": "YQ=="})
        await bench.ask("POST", "/containers/box/start")
        answer = await bench.ask(method, path, body, **query)
        said.append((answer.status, answer.message))

    play(scene)
    return said[0]


_CREATING = (
    *("/services/create", "/networks/create", "/containers/create", "/configs/create", "/secrets/create"),
    *("/containers/box/exec", "/networks/own/connect", "/swarm/init", "/swarm/join"),
)


@pytest.mark.parametrize("path", _CREATING)
@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b'"text"',
        b"null",
        b"{} {}",
        b"\xff\xfe",
        b'{"Name": "\xff"}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"\0",
        b"",
        b"9" * 100_000,
    ],
    ids=lambda body: body[:12],
)
def test_what_is_no_json_object_is_refused(path: str, body: bytes) -> None:
    status, message = _refusal("POST", path, body)
    assert (status, message[:12]) == (400, "invalid JSON")


def test_body_that_is_too_large_is_refused() -> None:
    body = json.dumps({"Name": "x" * 10_000_000}).encode()
    assert _refusal("POST", "/services/create", body) == (413, "http: request body too large")


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/services/create", service("x", Mode=replicated(-1)), 400),
        ("/services/create", service("x", Mode=replicated(1 << 70)), 400),
        ("/services/create", service("x", Mode=replicated(_NOTHING_DOES)), 400),
        ("/services/create", service("x", Mode=[]), 400),
        ("/services/create", service("x", EndpointSpec={"Ports": [port(0)]}), 400),
        ("/services/create", service("x", EndpointSpec={"Ports": [port(80, 1 << 16)]}), 400),
        ("/services/create", service("x", EndpointSpec={"Ports": "80"}), 400),
        ("/services/create", service("x", Labels={"a": 1}), 400),
        ("/services/create", service("x", task={"Placement": {"Constraints": ["=="]}}), 400),
        ("/services/create", service("x", task={"Networks": [{"Target": ""}]}), 404),
        ("/services/create", {}, 400),
        ("/networks/create", {"Name": ""}, 400),
        ("/networks/create", {"Name": 7}, 400),
        ("/networks/create", {"Name": "x", "IPAM": {"Config": [{"Subnet": "10.0.0.0/33"}]}}, 400),
        ("/networks/create", {"Name": "x", "IPAM": {"Config": [{"Subnet": "10.9.0.0/24", "Gateway": "x"}]}}, 400),
        ("/containers/create", {"Image": ""}, 400),
        ("/containers/create", {"Image": "busybox", "Cmd": {"a": 1}}, 400),
        ("/containers/create", {"Image": "busybox", "HostConfig": {"PortBindings": {"x/tcp": []}}}, 400),
        ("/containers/create", {"Image": "busybox", "HostConfig": {"RestartPolicy": {"Name": "never"}}}, 400),
        ("/containers/create", {"Image": "busybox", "StopTimeout": -1}, 400),
        ("/configs/create", {"Name": "", "Data": "YQ=="}, 400),
        ("/configs/create", {"Name": "x", "Data": ""}, 400),
        ("/configs/create", {"Name": "x", "Data": "\u2603"}, 400),
        ("/secrets/create", {"Name": "x", "Data": "YQ==", "Labels": []}, 400),
        ("/containers/box/exec", {"Cmd": []}, 400),
        ("/containers/box/exec", {"Cmd": [1]}, 400),
        ("/swarm/join", {"RemoteAddrs": ["192.0.2.1"], "JoinToken": 1}, 503),
    ],
)
def test_values_of_another_kind_or_size_are_refused(path: str, body: object, status: int) -> None:
    assert _refusal("POST", path, body)[0] == status


@pytest.mark.parametrize(
    "spec",
    [
        {"Orchestration": {"TaskHistoryRetentionLimit": "five"}},
        {"Orchestration": {"TaskHistoryRetentionLimit": {}}},
        {"Orchestration": 1.5},
        {"Dispatcher": {"HeartbeatPeriod": "often"}},
        {"Labels": "a=b"},
    ],
)
def test_swarm_is_not_updated_with_nonsense(spec: object) -> None:
    assert _refusal("POST", "/swarm/update", spec, version="1")[0] == 400


def test_config_is_not_updated_with_what_is_no_base64() -> None:
    status, message = _refusal(
        "POST", "/configs/kept/update", {"Name": "kept", "Data": "busybox@sha256:00"}, version="1"
    )
    assert status == 400 and "illegal base64" in message


@pytest.mark.parametrize("version", ["", "x", "-1", "1.5", "\u0661"])
@pytest.mark.parametrize("path", ["/services/whoami/update", "/configs/kept/update", "/swarm/update"])
def test_update_for_no_version_is_refused(path: str, version: str) -> None:
    status, message = _refusal("POST", path, service("whoami"), version=version)
    assert status == 400 and message.startswith("invalid version")


@pytest.mark.parametrize(
    ("path", "query"),
    [
        *((path, {"filters": text}) for path in ("/services", "/tasks", "/nodes", "/networks", "/containers/json",
          "/images/json", "/events", "/configs", "/secrets")
          for text in ('{"no-such":["x"]}', "[", "[1]", '{"id":1}', '{"id":{"a":{}}', "\x00", "[" * 100_000)),
        ("/containers/json", {"limit": "many"}),
        ("/containers/json", {"filters": '{"exited":["x"]}'}),
        ("/containers/json", {"filters": '{"name":["("]}'}),
        ("/containers/json", {"filters": '{"status":["x"]}'}),
        ("/networks", {"filters": '{"dangling":["x"]}'}),
        ("/tasks", {"filters": '{"desired-state":["x"]}'}),
        ("/events", {"since": "x"}),
        ("/events", {"since": "2", "until": "1"}),
        ("/containers/box/logs", {}),
        ("/containers/box/logs", {"stdout": "1", "since": "x"}),
        ("/services/whoami/logs", {"stdout": "1", "since": "x"}),
    ],
)  # fmt: skip
def test_query_that_says_nothing_is_refused(path: str, query: dict[str, Any]) -> None:
    assert _refusal("GET", path, **query)[0] == 400


@pytest.mark.parametrize(
    ("version", "says"), [("1.99", "too new"), ("2.0", "too new"), ("1.1", "too old"), ("0.0", "too old")]
)
def test_version_that_is_not_spoken_is_refused(version: str, says: str) -> None:
    status, message = _refusal("GET", f"/v{version}/info")
    assert status == 400 and says in message


@pytest.mark.parametrize("path", ["/", "/nothing", "/v1.50", "/v1.50/", "/vx/info", "/info/", "/containers", "//info"])
def test_path_that_is_none_is_not_found(path: str) -> None:
    assert _refusal("GET", path) == (404, "page not found")


_GARBAGE = (
    b"\0" * 100 + b"\r\n\r\n",
    b"GET\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\n\r\n",
    b"GET /info HTTP/1.1\r\nHost: a\r\n" + b"A: b\r\n" * 10_000 + b"\r\n",
    b"POST /services/create HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
    b"POST /services/create HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST /services/create HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"GET /_ping HTTP/1.1\r\nHost: a\r\n\r\n" + b"\xff" * 1000 + b"\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\xaa" * 100 + b"\r\n\r\n",
)


@pytest.mark.parametrize("said", _GARBAGE, ids=range(len(_GARBAGE)))
def test_what_is_no_http_is_refused_and_others_are_served_on(said: bytes) -> None:
    async def scene(bench: Bench) -> None:
        reader, writer = await bench[MANAGER].open()
        writer.write(said)
        answer = await reader.readuntil(b"\r\n\r\n")
        writer.write_eof()
        answer += await reader.read()
        assert re.findall(rb"HTTP/\d\.\d (\d)", answer)[-1] == b"4", answer
        writer.close()
        assert (await bench.ask("GET", "/_ping")).status == 200

    play(scene)


async def _quiet(bench: Bench, before: tuple[int, int, int]) -> None:
    """Wait until no more is open, under way and listened to than before."""
    while any(now > then for now, then in zip(_open(bench), before, strict=True)):
        await asyncio.sleep(0.01)


def _open(bench: Bench) -> tuple[int, int, int]:
    """Open files, tasks under way, and listeners."""
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir())), len(asyncio.all_tasks()), len(bench.engines.listeners)


_LEFT = (
    "POST /services/create HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n{",
    "GET /containers/json HTTP/1.1\r\nHo",
    "GET /events HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /containers/box/logs?stdout=1&follow=1 HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /services/whoami/logs?stdout=1&follow=1 HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /containers/box/stats HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST /containers/box/wait HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST /containers/box/attach?stream=1&stdout=1 HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n",
    "POST /exec/EXEC/start HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 2\r\n\r\n{}",
)


@pytest.mark.parametrize("abruptly", [False, True], ids=["closed", "reset"])
@pytest.mark.parametrize("said", _LEFT, ids=lambda said: said.split()[1][:24])
def test_client_that_vanishes_leaves_nothing_open(said: str, abruptly: bool) -> None:
    async def scene(bench: Bench) -> None:
        await bench.made("/services/create", service("whoami"))
        box = await bench.made("/containers/create", {"Image": "busybox"}, name="box")
        await bench.ask("POST", "/containers/box/start")
        bench.engines.log(ContainerId(box)).say("hello")
        await bench.ask("GET", "/_ping")
        exec_id = await bench.made("/containers/box/exec", {"Cmd": ["cat"], "AttachStdin": True, "AttachStdout": True})
        before = _open(bench)
        clients = [await bench[MANAGER].open() for _ in range(5)]
        for _, writer in clients:
            writer.write(said.replace("EXEC", exec_id).encode())
        if said.endswith(("\r\n\r\n", "{}")):
            await asyncio.gather(*(reader.readuntil(b"\r\n\r\n") for reader, _ in clients))
        for _, writer in clients:
            if abruptly:
                writer.transport.abort()
            writer.close()
        await asyncio.sleep(0)
        for _ in range(2):  # what is said to nobody shows that nobody is there
            bench.engines.log(ContainerId(box)).say("more")
        await _quiet(bench, before)
        assert (await bench.ask("GET", "/_ping")).status == 200

    play(scene)
