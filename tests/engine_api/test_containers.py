"""Containers outside services and tasks' containers, over a machine's socket."""

from __future__ import annotations

import asyncio
import json

import pytest

from meshnet.engine_api.containers.durations import human
from meshnet.model import SECOND
from tests.engine_api.conftest import Play
from tests.engine_api.local import Client, Lab
from tests.orchestrator.swarms import MANAGER, WORKER1, network, publish, service

MINUTE, HOUR, DAY = 60, 3600, 86400


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "Less than a second"),
        (1, "1 second"),
        (59, "59 seconds"),
        (MINUTE, "About a minute"),
        (59 * MINUTE, "59 minutes"),
        (HOUR, "About an hour"),
        (47 * HOUR, "47 hours"),
        (13 * DAY, "13 days"),
        (20 * DAY, "2 weeks"),
        (100 * DAY, "3 months"),
        (800 * DAY, "2 years"),
    ],
)
def test_lengths_of_time_are_said_as_docker_says_them(seconds: int, words: str) -> None:
    assert human(seconds * SECOND) == words


def test_container_runs_ends_and_is_removed(in_lab: Play) -> None:
    async def scene(lab: Lab) -> None:
        client = lab[MANAGER]
        id = await client.run("sleep", "1000", name="box", Labels={"a": "b"})
        [row] = await client.get("/containers/json")
        assert (row["Id"], row["Names"], row["State"], row["Command"]) == (id, ["/box"], "running", "sleep 1000")
        assert row["Status"].startswith("Up ")
        shown = await client.get("/containers/box/json")
        assert shown["State"]["Running"] and shown["State"]["Pid"] > 0
        assert shown["Config"]["Labels"] == {"a": "b"}
        assert (await client.refused("DELETE", "/containers/box"))[0] == 409
        assert (await client.ask("POST", "/containers/box/start"))[0] == 304
        await client.post("/containers/box/stop", t="5")
        [row] = await client.get("/containers/json", all="1")
        assert row["Status"].startswith("Exited (143) ")
        assert await client.get("/containers/json") == []
        assert (await client.ask("POST", "/containers/box/stop"))[0] == 304
        assert (await client.ask("DELETE", f"/containers/{id[:6]}"))[0] == 204
        assert await client.refused("GET", "/containers/box/json") == (404, "No such container: box")

    in_lab(scene)


def test_container_has_its_node_bridge_address_and_the_ports_it_publishes(in_lab: Play) -> None:
    async def scene(lab: Lab) -> None:
        client = lab[MANAGER]
        await client.run(
            "sleep", "1000", name="box", HostConfig={"PortBindings": {"80/tcp": [{"HostPort": "8080"}], "53/udp": None}}
        )
        shown = await client.get("/containers/box/json")
        settings = shown["NetworkSettings"]
        assert settings["Ports"]["80/tcp"][0] == {"HostIp": "0.0.0.0", "HostPort": "8080"}
        assert int(settings["Ports"]["53/udp"][0]["HostPort"]) >= 32768
        bridge = settings["Networks"]["bridge"]
        assert bridge["IPAddress"] == settings["IPAddress"] == "172.17.0.2"
        assert bridge["MacAddress"] == "02:42:ac:11:00:02"
        assert settings["SandboxKey"] == f"/var/run/docker/netns/{settings['SandboxID'][:12]}"
        [row] = await client.get("/containers/json")
        assert {"IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"} in row["Ports"]
        status, text = await client.refused(
            "POST", "/containers/create", {"Image": "busybox", "HostConfig": {"Binds": ["/a:/b"]}}
        )
        assert status == 400 and "mounts" in text

    in_lab(scene)


def test_task_container_shows_its_service_and_the_port_of_its_image(in_lab: Play) -> None:
    async def scene(lab: Lab) -> None:
        client = lab[MANAGER]
        await _runs(lab, 3)
        [row] = await client.get("/containers/json", filters={"is-task": ["true"]})
        task = next(task for task in lab.engines.state.tasks.values() if task.container == row["Id"])
        assert row["Names"] == [f"/{task.name}"]
        assert row["Labels"]["com.docker.swarm.service.name"] == "web"
        assert row["Labels"]["com.docker.swarm.task.id"] == task.id
        assert row["Ports"] == [{"PrivatePort": 80, "Type": "tcp"}]
        shown = await client.get(f"/containers/{row['Id']}/json")
        assert shown["State"]["Pid"] > 0, "though nginx is served by the lab itself"
        assert set(shown["NetworkSettings"]["Networks"]) == {"ingress", "net"}
        for place in shown["NetworkSettings"]["Networks"].values():
            assert place["IPAMConfig"] == {"IPv4Address": place["IPAddress"]} and len(place["EndpointID"]) == 64

    in_lab(scene, commands=[network("net"), _nginx()])


def test_stopped_task_container_is_replaced_and_stays_in_the_list_of_all(in_lab: Play) -> None:
    async def scene(lab: Lab) -> None:
        client = lab[MANAGER]
        await _runs(lab, 3)
        [row] = await client.get("/containers/json")
        await client.post(f"/containers/{row['Id']}/kill")
        [ended] = [one for one in await client.get("/containers/json", all="1") if one["Id"] == row["Id"]]
        assert ended["State"] == "exited" and ended["Status"].startswith("Exited (137)")

    in_lab(scene, commands=[network("net"), _nginx()])


def _nginx() -> object:
    from dataclasses import replace

    made = service("web", 3, networks=["net"], ports=(publish(80, 8000),))
    return replace(made, spec=replace(made.spec, image="nginx:1.27"))


async def _runs(lab: Lab, count: int) -> None:
    while sum(task.state == 512 for task in lab.engines.state.tasks.values()) < count:
        await lab.engines.changed()


def test_wait_answers_its_head_at_once_and_sees_how_one_ended_that_removes_itself(in_lab: Play) -> None:
    async def scene(lab: Lab) -> None:
        client = lab[MANAGER]
        made = await client.post(
            "/containers/create",
            {"Image": "busybox", "Cmd": ["sh", "-c", "exit 3"], "HostConfig": {"AutoRemove": True}},
        )
        reader, writer = await asyncio.open_unix_connection(str(client.path))
        writer.write(
            f"POST /v1.50/containers/{made['Id']}/wait?condition=removed HTTP/1.1\r\nHost: e\r\n"
            "Connection: close\r\n\r\n".encode()
        )
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        await client.post(f"/containers/{made['Id']}/start")
        assert b'{"StatusCode":3}' in await reader.read()
        writer.close()
        assert await client.get("/containers/json", all="1") == []

    in_lab(scene)


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({"name": ["on"]}, {"one", "done"}),
        ({"name": ["^/one$"]}, {"one"}),
        ({"label": ["x"]}, {"one", "two"}),
        ({"label": ["x=2"]}, {"two"}),
        ({"status": ["exited"]}, {"done"}),
        ({"exited": ["4"]}, {"done"}),
        ({"ancestor": ["busybox:latest"]}, {"one", "two", "done"}),
        ({"ancestor": ["nginx"]}, set()),
        ({"network": ["bridge"]}, {"one", "two", "done"}),
        ({"publish": ["8000-8100"]}, {"two"}),
        ({"expose": ["80/tcp"]}, {"two"}),
        ({"since": ["one"]}, {"two", "done"}),
        ({"before": ["two"]}, {"one"}),
        ({"volume": ["v"]}, set()),
        ({"is-task": ["true"]}, set()),
    ],
)
def test_filters_choose(in_lab: Play, filters: dict[str, list[str]], names: set[str]) -> None:
    async def scene(lab: Lab) -> None:
        client = lab[MANAGER]
        await client.run("sleep", "1000", name="one", Labels={"x": "1"})
        ports = {"PortBindings": {"80/tcp": [{"HostPort": "8080"}]}}
        await client.run("sleep", "1000", name="two", Labels={"x": "2"}, HostConfig=ports)
        assert await client.ended(await client.run("sh", "-c", "exit 4", name="done")) == 4
        found = await client.get("/containers/json", all="1", filters=filters)
        assert {one["Names"][0][1:] for one in found} == names

    in_lab(scene)


def test_logs_keep_the_outputs_apart_in_frames(in_lab: Play) -> None:
    async def scene(lab: Lab) -> None:
        client = lab[MANAGER]
        id = await client.run("sh", "-c", "echo out; echo err >&2", name="box")
        await client.ended(id)
        _, both = await client.ask("GET", f"/containers/{id}/logs", stdout="1", stderr="1")
        assert sorted([both[:12], both[12:]]) == [b"\1\0\0\0\0\0\0\4out\n", b"\2\0\0\0\0\0\0\4err\n"]
        _, error = await client.ask("GET", f"/containers/{id}/logs", stderr="1")
        assert error == b"\2\0\0\0\0\0\0\4err\n"
        assert (await client.refused("GET", f"/containers/{id}/logs"))[0] == 400

    in_lab(scene)


def test_attached_before_its_start_a_client_hears_all_and_types(in_lab: Play) -> None:
    async def scene(lab: Lab) -> None:
        client = lab[MANAGER]
        made = await client.post("/containers/create", {"Image": "busybox", "OpenStdin": True, "StdinOnce": True})
        reader, writer = await client.hijack(f"/containers/{made['Id']}/attach?stream=1&stdin=1&stdout=1&stderr=1")
        writer.write(b"hello\n")
        writer.write_eof()
        await client.post(f"/containers/{made['Id']}/start")
        assert await reader.read() == b"\1\0\0\0\0\0\0\6hello\n"
        assert await client.ended(made["Id"]) == 0
        writer.close()

    in_lab(scene)


def test_client_that_leaves_a_terminal_leaves_its_container_running(in_lab: Play) -> None:
    async def scene(lab: Lab) -> None:
        client = lab[MANAGER]
        id = await client.run("cat", name="box", Tty=True, OpenStdin=True, StdinOnce=True)
        for word in (b"one", b"two"):
            reader, writer = await client.hijack(f"/containers/{id}/attach?stream=1&stdin=1&stdout=1")
            writer.write(word + b"\n")
            assert (await reader.readuntil(word)).endswith(word)
            writer.close()
        assert (await client.get(f"/containers/{id}/json"))["State"]["Running"]

    in_lab(scene)


def test_container_is_its_own_node_only(in_lab: Play) -> None:
    async def scene(lab: Lab) -> None:
        await lab[WORKER1].run("sleep", "1000", name="box")
        assert await lab[MANAGER].get("/containers/json") == []
        assert await lab[MANAGER].refused("GET", "/containers/box/json") == (404, "No such container: box")
        assert len(await lab[WORKER1].get("/containers/json")) == 1

    in_lab(scene)


def test_unknown_image_is_what_the_client_then_pulls(in_lab: Play) -> None:
    async def scene(lab: Lab) -> None:
        refusal = await lab[MANAGER].refused("POST", "/containers/create", {"Image": "nope"})
        assert refusal == (404, "No such image: nope:latest")

    in_lab(scene)


@pytest.mark.parametrize(
    "body",
    [
        {"Image": 3},
        {"Image": "busybox", "Cmd": [1]},
        {"Image": "busybox", "HostConfig": []},
        {"Image": "busybox", "HostConfig": {"PortBindings": {"x": []}}},
        {"Image": "busybox", "HostConfig": {"PortBindings": {"80/tcp": [{"HostPort": "70000"}]}}},
        {"Image": "busybox", "HostConfig": {"RestartPolicy": {"Name": "sometimes"}}},
        {"Image": "busybox", "NetworkingConfig": {"EndpointsConfig": {"bridge": {"IPAMConfig": {"IPv4Address": "x"}}}}},
    ],
)
def test_malformed_container_is_the_clients_mistake(in_lab: Play, body: object) -> None:
    async def scene(lab: Lab) -> None:
        status, text = await lab[MANAGER].refused("POST", "/containers/create", body)
        assert status == 400 and text

    in_lab(scene)


def test_stats_come_once_or_again_and_again(in_lab: Play) -> None:
    async def scene(lab: Lab) -> None:
        client = lab[MANAGER]
        id = await client.run("sleep", "1000", name="box")
        once = await client.get(f"/containers/{id}/stats", stream="0")
        assert once["name"] == "/box" and once["memory_stats"]["usage"] > 0
        async with client.stream(f"/containers/{id}/stats") as answer:
            lines = [json.loads(await answer.content.readline()) for _ in range(2)]
        assert lines[1]["preread"] == lines[0]["read"]

    in_lab(scene)


def test_removed_by_force_or_pruned(in_lab: Play) -> None:
    async def scene(lab: Lab) -> None:
        client: Client = lab[MANAGER]
        await client.run("sleep", "1000", name="box", HostConfig={"RestartPolicy": {"Name": "always"}})
        await client.post("/containers/create", {"Image": "busybox"}, name="other")
        assert (await client.ask("DELETE", "/containers/box", force="1"))[0] == 204
        pruned = await client.post("/containers/prune")
        assert len(pruned["ContainersDeleted"]) == 1
        assert await client.get("/containers/json", all="1") == []

    in_lab(scene)
