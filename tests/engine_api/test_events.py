"""What ``docker events`` tells, to whom, and which of it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from meshnet.engine_api.events import wanted
from meshnet.engine_api.notices import Notice, notices
from meshnet.model import Availability
from meshnet.orchestrator import RemoveService, ScaleService, step
from meshnet.orchestrator.commands import ContainerExited
from tests.engine_api.conftest import Play
from tests.engine_api.local import Lab
from tests.orchestrator.machines import alone, bridge, changed, container, created, initialised, join, running
from tests.orchestrator.swarms import MANAGER, WORKER1, network, run, service, swarm


def _told(before: Any, after: Any) -> list[tuple[str, str]]:
    return [(notice.type, notice.action) for notice in notices(before, after)]


def test_service_is_created_updated_and_removed() -> None:
    before = swarm()
    made = step(before, service("web", 2))
    [notice] = [one for one in notices(before, made) if one.type == "service"]
    assert (notice.action, notice.attributes, notice.scope) == ("create", {"name": "web"}, "swarm")
    scaled = step(made, ScaleService("web", 3))
    [notice] = [one for one in notices(made, scaled) if one.type == "service"]
    assert notice.action == "update"
    assert notice.attributes["replicas.old"] == "2" and notice.attributes["replicas.new"] == "3"
    assert ("service", "remove") in _told(scaled, step(scaled, RemoveService("web")))


def test_node_tells_what_changed_of_it_and_nothing_of_its_engine() -> None:
    before = initialised()
    joined = join(before, WORKER1)
    assert ("node", "create") in _told(before, joined)
    labelled = step(joined, changed(joined, WORKER1, availability=Availability.DRAIN))
    [notice] = notices(joined, labelled)
    assert notice.attributes == {"name": WORKER1, "availability.old": "active", "availability.new": "drain"}
    assert not [one for one in notices(joined, running(joined)) if one.type == "node"]


def test_container_is_created_joined_started_and_dies() -> None:
    before = alone()
    made = created(before)
    assert _told(before, made) == [("container", "create")]
    runs = running(before)
    assert _told(made, runs) == [("network", "connect"), ("container", "start")]
    ended = step(runs, ContainerExited(container(runs).id, 3), 10)
    assert _told(runs, ended) == [("container", "die"), ("network", "disconnect")]
    died = notices(runs, ended)[0]
    assert died.attributes["exitCode"] == "3" and died.attributes["image"] == "busybox"
    assert (died.machine, died.scope, died.time) == (MANAGER, "local", 10)


def test_networks_are_told_where_they_are() -> None:
    before = swarm()
    [made] = notices(before, run(before, network("net")))
    assert (made.type, made.action, made.scope, made.machine) == ("network", "create", "swarm", None)
    [made] = notices(before, run(before, bridge("mine", on=WORKER1)))
    assert (made.type, made.action, made.machine) == ("network", "create", WORKER1)


@pytest.mark.parametrize(
    ("filters", "passes"),
    [
        ({}, True),
        ({"type": {"container"}}, True),
        ({"type": {"network", "service"}}, False),
        ({"event": {"exec_start"}}, True),
        ({"event": {"start"}}, False),
        ({"container": {"box"}}, True),
        ({"container": {"0123"}}, True),
        ({"container": {"other"}}, False),
        ({"image": {"busybox"}}, True),
        ({"image": {"nginx"}}, False),
        ({"label": {"a=b"}}, True),
        ({"label": {"a=c"}}, False),
        ({"scope": {"swarm"}}, False),
        ({"daemon": {"x"}}, False),
    ],
)
def test_filters_let_through(filters: dict[str, set[str]], passes: bool) -> None:
    attributes = {"name": "box", "image": "busybox:1.36", "a": "b"}
    notice = Notice("container", "exec_start: sh", "0123456789", attributes)
    assert wanted(notice, {key: frozenset(values) for key, values in filters.items()}) is passes


def test_listener_hears_at_once_and_a_worker_only_its_own(in_lab: Play) -> None:
    async def scene(lab: Lab) -> None:
        async with lab[MANAGER].stream("/events") as manager, lab[WORKER1].stream("/events") as worker:
            await lab[MANAGER].post("/networks/create", {"Name": "net", "Driver": "overlay"})
            await lab[WORKER1].post("/networks/create", {"Name": "mine"})
            heard = json.loads(await manager.content.readline())
            assert (heard["Type"], heard["Action"], heard["Actor"]["Attributes"]["name"]) == (
                "network",
                "create",
                "net",
            )
            heard = json.loads(await worker.content.readline())
            assert heard["Actor"]["Attributes"] == {"name": "mine", "type": "bridge"}

    in_lab(scene)


def test_past_is_told_from_since_and_the_stream_ends_with_until(in_lab: Play) -> None:
    async def scene(lab: Lab) -> None:
        client = lab[MANAGER]
        id = await client.run("true", name="box")
        await client.ended(id)
        now = lab.engines.now()
        until = f"{now // 10**9}.{now % 10**9:09}"
        text = await client.text("GET", "/events", since="1", until=until, filters='{"type":["container"]}')
        heard = [json.loads(line) for line in text.splitlines()]
        assert [one["Action"] for one in heard] == ["create", "start", "die"]
        assert heard[0]["status"] == "create" and heard[0]["id"] == id and heard[0]["from"] == "busybox"
        assert heard[0]["time"] == heard[0]["timeNano"] // 10**9
        assert (await client.refused("GET", "/events", since="2", until="1"))[0] == 400
        assert (await client.refused("GET", "/events", filters={"colour": ["red"]}))[0] == 400

    in_lab(scene)


def test_programs_in_a_container_are_told(in_lab: Play) -> None:
    async def scene(lab: Lab) -> None:
        client = lab[MANAGER]
        await client.run("sleep", "1000", name="box")
        async with client.stream("/events") as answer:
            made = await client.post("/containers/box/exec", {"Cmd": ["sh", "-c", "exit 2"], "AttachStdout": True})
            reader, writer = await client.hijack(f"/exec/{made['Id']}/start")
            await reader.read()
            writer.close()
            heard = [json.loads(await asyncio.wait_for(answer.content.readline(), 10)) for _ in range(3)]
        actions = [one["Action"] for one in heard]
        assert actions == ["exec_create: sh -c exit 2", "exec_start: sh -c exit 2", "exec_die"]
        assert heard[2]["Actor"]["Attributes"]["exitCode"] == "2"

    in_lab(scene)
