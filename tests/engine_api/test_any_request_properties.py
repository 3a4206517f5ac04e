"""Whatever is asked of an engine, and in whatever order: it answers, and never by failing."""

from __future__ import annotations

import asyncio
import contextlib
import json
from random import Random

import aiohttp
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from yarl import URL

from meshnet.errors import UserError
from meshnet.lab.deadlines import ANSWER, scaled
from meshnet.model import TaskState
from meshnet.orchestrator.commands import Command, ContainerExited, ContainerRefused, ContainerStarted, Tick
from tests.engine_api import described
from tests.engine_api.bench import Bench, paper_bench
from tests.engine_api.checked import port, replicated, service
from tests.engine_api.drawn import Request, request
from tests.orchestrator.swarms import MANAGER, WORKER1, WORKER2

_REQUESTS = 40
_UNSAID = 0.05
"""Seconds that an answer which doesn't end is read."""

_DOCKERS_OWN = ("update out of sequence",)
"""What the real engine says with a status of 500, too."""

_AFTERWARDS = (
    *("/services?status=1", "/tasks", "/nodes", "/networks", "/containers/json?all=1", "/images/json", "/info"),
    *("/system/df", "/configs", "/secrets", "/swarm"),
)


async def _populate(bench: Bench) -> list[str]:
    """Something of everything; the ids of programs."""
    await bench.made("/networks/create", {"Name": "my-demo", "Driver": "overlay", "Attachable": True})
    await bench.made("/networks/create", {"Name": "own", "IPAM": {"Config": [{"Subnet": "10.9.0.0/24"}]}})
    for kind in ("configs", "secrets"):
        await bench.made(f"/{kind}/create", {"Name": "kept", "Data": "YQ=="})
    ports = {"Ports": [port(8000, 8000)]}
    attached = {"Networks": [{"Target": "my-demo"}]}
    await bench.made("/services/create", service("whoami", task=attached, Mode=replicated(3), EndpointSpec=ports))
    await bench.made("/services/create", service("everywhere", Mode={"Global": {}}))
    await bench.made("/containers/create", {"Image": "busybox", "HostConfig": {"NetworkMode": "own"}}, name="box")
    await bench.ask("POST", "/containers/box/start")
    return [await bench.made("/containers/box/exec", {"Cmd": ["sh"]}) for _ in range(2)]


async def _send(bench: Bench, machine: str, one: Request) -> tuple[int, str, bytes]:
    """Status, content type, and as much of the answer as comes soon."""
    url = URL.build(scheme="http", host="engine", path=one.path, encoded=True).update_query(one.query)
    data = b""
    async with bench[machine].session.request(one.operation.method, url, json=one.body) as answer:
        with contextlib.suppress(TimeoutError, aiohttp.ClientPayloadError):
            async with asyncio.timeout(_UNSAID):
                data = await answer.read()
        return answer.status, answer.headers.get("Content-Type", ""), data


def _check(one: object, status: int, kind: str, data: bytes) -> None:
    if status >= 400:
        assert kind == "application/json", (one, kind, data)
        said = json.loads(data) if data else {"message": ""}  # a HEAD has no body
        assert described.error_deviations(said) == [], one
        wellknown = any(text in said["message"] for text in _DOCKERS_OWN)
        assert status in (501, 503) or status < 500 or wellknown, f"{one}: {said['message']}"


def _something_happens(random: Random, bench: Bench) -> None:
    """A container starts, ends or can't be started; or time passes."""
    state = bench.engines.state
    placed = [task.container for task in state.tasks.values() if task.state >= TaskState.STARTING]
    there = [*placed, *state.containers]
    happening: list[Command] = [Tick()]
    for id in random.sample(there, min(1, len(there))):
        happening += [
            ContainerStarted(id, 7),
            ContainerExited(id, random.choice((0, 1, 137))),
            ContainerRefused(id, "no"),
        ]
    with contextlib.suppress(UserError):
        bench.engines.submit(random.choice(happening))


async def _play(seed: int) -> None:
    random = Random(seed)
    async with asyncio.timeout(scaled(6 * ANSWER)), paper_bench() as bench:
        execs = await _populate(bench)
        for _ in range(_REQUESTS):
            bench.engines.at_once = random.random() < 0.8
            if random.random() < 0.2:
                _something_happens(random, bench)
            machine = random.choice((MANAGER, MANAGER, MANAGER, WORKER1, WORKER2))
            one = request(random, bench.engines.state, execs)
            _check(one, *await _send(bench, machine, one))
        for path in _AFTERWARDS:
            answer = await bench.ask("GET", path)
            _check(path, answer.status, answer.headers["Content-Type"], answer.data)
            assert answer.status in (200, 503), answer


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@example(60981)  # the last to leave a network that is going takes the nodes' balancers with it
@given(st.integers(0, 1 << 32))
def test_engine_answers_whatever_is_asked(seed: int) -> None:
    asyncio.run(_play(seed))
