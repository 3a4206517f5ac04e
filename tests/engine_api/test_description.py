"""Every endpoint's answers are what Docker's published description of the Engine API says."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable

import pytest

from meshnet.model import TaskState
from meshnet.orchestrator.commands import ContainerExited, ContainerRefused, ContainerStarted
from tests.engine_api import described
from tests.engine_api.bench import paper_bench
from tests.engine_api.checked import Checked, port, replicated, service
from tests.orchestrator.swarms import MANAGER, WORKER1, WORKER2

Scene = Callable[[Checked], Awaitable[None]]


async def _of_the_system(engine: Checked) -> None:
    assert (await engine.get("/_ping")).data == b"OK"
    assert "BridgeNfIptables" not in (await engine.get("/v1.50/info")).json
    assert (await engine.get("/version")).json["ApiVersion"] == "1.50"
    for machine in (WORKER1, WORKER2):
        worker = Checked(engine.bench, machine)
        assert not (await worker.get("/info")).json["Swarm"]["ControlAvailable"]
    await engine.made("/containers/create", {"Image": "busybox"}, name="box")
    usage = (await engine.get("/system/df")).json
    assert usage["Containers"] and usage["Images"]
    assert (await engine.get("/events", since="0", until="1")).data == b""
    lines = (await engine.get("/events", since="0", until=str(engine.bench.engines.now() // 10**9 + 1))).data
    assert b'"Action":"create"' in lines
    assert "no instant" in await engine.refused(400, "GET", "/events", since="yesterday")


async def _of_volumes_and_plugins(engine: Checked) -> None:
    assert (await engine.get("/volumes")).json["Volumes"] == []
    assert (await engine.get("/plugins")).json == []
    await engine.ok("POST", "/volumes/prune")
    await engine.refused(501, "POST", "/volumes/create", {"Name": "data"})
    for method in ("GET", "DELETE"):
        await engine.refused(404, method, "/volumes/data")
    await engine.refused(404, "GET", "/plugins/some/json")


async def _of_the_swarm(engine: Checked) -> None:
    swarm = (await engine.get("/swarm")).json
    version = str(swarm["Version"]["Index"])
    await engine.ok("POST", "/swarm/update", {**swarm["Spec"], "Labels": {"a": "b"}}, version=version)
    assert (await engine.get("/swarm")).json["Spec"]["Labels"] == {"a": "b"}
    assert "out of sequence" in await engine.refused(500, "POST", "/swarm/update", swarm["Spec"], version=version)
    await engine.get("/swarm/unlockkey")
    await engine.refused(409, "POST", "/swarm/unlock", {"UnlockKey": ""})
    await engine.refused(503, "POST", "/swarm/init", {"ListenAddr": "0.0.0.0:2377"})
    await engine.refused(503, "POST", "/swarm/leave")
    worker = Checked(engine.bench, WORKER1)
    await worker.refused(503, "GET", "/swarm")
    await worker.ok("POST", "/swarm/leave")
    token = (await engine.get("/swarm")).json["JoinTokens"]["Worker"]
    await worker.refused(400, "POST", "/swarm/join", {"RemoteAddrs": [], "JoinToken": token})
    await worker.refused(503, "POST", "/swarm/join", {"RemoteAddrs": ["192.0.2.1:2377"], "JoinToken": token})
    await worker.ok("POST", "/swarm/join", {"RemoteAddrs": ["192.168.56.10:2377"], "JoinToken": token})
    engine.asked |= worker.asked
    await engine.ok("POST", "/swarm/leave", force="1")
    assert (await engine.get("/info")).json["Swarm"]["LocalNodeState"] == "inactive"
    assert (await engine.ok("POST", "/swarm/init", {"ListenAddr": "0.0.0.0:2377"})).json


async def _of_nodes(engine: Checked) -> None:
    nodes = (await engine.get("/nodes")).json
    assert len(nodes) == 3
    worker = next(node for node in nodes if node["Description"]["Hostname"] == WORKER1)
    spec = {**worker["Spec"], "Availability": "drain", "Labels": {"zone": "a"}}
    version = str(worker["Version"]["Index"])
    await engine.ok("POST", f"/nodes/{worker['ID']}/update", spec, version=version)
    assert (await engine.get(f"/nodes/{worker['ID']}")).json["Spec"]["Availability"] == "drain"
    await engine.refused(500, "POST", f"/nodes/{worker['ID']}/update", spec, version=version)
    await engine.refused(400, "POST", f"/nodes/{worker['ID']}/update", spec)
    await engine.refused(404, "GET", "/nodes/nobody")
    await engine.refused(400, "DELETE", f"/nodes/{WORKER2}")
    await Checked(engine.bench, WORKER2).ok("POST", "/swarm/leave")
    down = (await engine.get(f"/nodes/{WORKER2}")).json
    assert down["Status"]["State"] == "down"
    await engine.ok("DELETE", f"/nodes/{WORKER2}")


async def _of_services(engine: Checked) -> None:
    await engine.made("/networks/create", {"Name": "my-demo", "Driver": "overlay"})
    for kind in ("Config", "Secret"):
        await engine.made(f"/{kind.lower()}s/create", {"Name": "kept", "Data": "YQ=="})
    files = {f"{kind}s": [{f"{kind}Name": "kept", "File": {"Name": "/kept"}}] for kind in ("Config", "Secret")}
    whoami = service(
        "whoami",
        task={
            "Networks": [{"Target": "my-demo", "Aliases": ["who"]}],
            "Placement": {"Constraints": ["node.role==worker"], "Preferences": [{"Spread": {"SpreadDescriptor": "a"}}]},
            "RestartPolicy": {"Condition": "on-failure", "Delay": 1, "MaxAttempts": 3, "Window": 10**9},
        },
        container={
            **files,
            "Env": ["A=b"],
            "Args": ["-v"],
            "StopGracePeriod": 10**9,
            "Healthcheck": {"Test": ["NONE"]},
        },
        Mode=replicated(3),
        Labels={"a": "b"},
        UpdateConfig={"Parallelism": 1, "Delay": 1, "FailureAction": "rollback", "Order": "start-first"},
        RollbackConfig={"Parallelism": 0, "MaxFailureRatio": 0.5},
        EndpointSpec={"Mode": "vip", "Ports": [port(8000, 8000), port(53, Protocol="udp")]},
    )
    id = await engine.made("/services/create", whoami)
    await engine.made("/services/create", service("everywhere", Mode={"Global": {}}, EndpointSpec={"Mode": "dnsrr"}))
    await engine.made("/services/create", service("own", EndpointSpec={"Ports": [port(80, 8080, PublishMode="host")]}))
    shown = (await engine.get(f"/services/{id}", insertDefaults="true")).json
    version = str(shown["Version"]["Index"])
    update = service("whoami", container={"Image": "busybox", "Env": ["A=c"]}, Mode=replicated(2))
    await engine.ok("POST", "/services/whoami/update", update, version=version)
    await engine.refused(500, "POST", "/services/whoami/update", update, version=version)
    shown = (await engine.get("/services/whoami")).json
    assert shown["PreviousSpec"]["Labels"] == {"a": "b"} and shown["UpdateStatus"]
    version = str(shown["Version"]["Index"])
    await engine.ok("POST", "/services/whoami/update", update, version=version, rollback="previous")
    listed = (await engine.get("/services", status="true")).json
    assert {each["Spec"]["Name"]: each["ServiceStatus"]["RunningTasks"] for each in listed}["everywhere"] == 3
    assert (await engine.get("/services/whoami/logs", stdout="1")).status == 200
    await engine.refused(409, "POST", "/services/create", whoami)
    await engine.refused(400, "POST", "/services/create", service("other", EndpointSpec={"Ports": [port(1, 8000)]}))
    await engine.refused(400, "POST", "/services/create", service("bad name"))
    await engine.refused(404, "GET", "/services/nothing")
    await engine.ok("DELETE", "/services/whoami")


async def _of_tasks(engine: Checked) -> None:
    engine.bench.engines.at_once = False
    await engine.made("/networks/create", {"Name": "my-demo", "Driver": "overlay"})
    on_network = {"Networks": [{"Target": "my-demo"}]}
    own = {"Ports": [port(80, 8080, PublishMode="host")]}
    await engine.made("/services/create", service("whoami", task=on_network, Mode=replicated(4), EndpointSpec=own))
    await engine.made("/services/create", service("nowhere", task={"Placement": {"Constraints": ["node.id==x"]}}))
    await engine.made("/services/create", service("several", Mode=replicated(3)))
    there = engine.bench.engines.state.tasks.values()
    first, second, third = [task.container for task in there if task.spec.name == "several"]
    engine.tell(ContainerStarted(first, 17), ContainerExited(first, 3))
    engine.tell(ContainerStarted(second), ContainerExited(second, 0))
    engine.tell(ContainerRefused(third, "no such thing"))
    for task in [task for task in engine.bench.engines.state.tasks.values() if task.state is TaskState.STARTING]:
        if task.spec.name == "whoami":
            engine.tell(ContainerStarted(task.container, 18, task.ports))
    tasks = (await engine.get("/tasks")).json
    states = {task["Status"]["State"] for task in tasks}
    assert {"running", "failed", "complete", "rejected", "pending"} <= states
    for task in tasks:
        assert (await engine.get(f"/tasks/{task['ID']}")).json == task
    running = next(task for task in tasks if task["Status"]["State"] == "running")
    assert (await engine.get(f"/tasks/{running['ID']}/logs", stdout="1", details="1")).status == 200
    mine = (await engine.get("/tasks", filters={"service": ["whoami"], "desired-state": ["running"]})).json
    assert len(mine) == 4
    await engine.refused(404, "GET", "/tasks/nothing")
    await engine.refused(400, "GET", "/tasks", filters={"nothing": ["x"]})
    await engine.refused(400, "GET", f"/tasks/{running['ID']}/logs")


async def _of_configs_and_secrets(engine: Checked) -> None:
    for kind in ("config", "secret"):
        spec = {"Name": "kept", "Data": base64.b64encode(b"text").decode(), "Labels": {"a": "b"}}
        id = await engine.made(f"/{kind}s/create", spec)
        shown = (await engine.get(f"/{kind}s/{id}")).json
        assert (await engine.get(f"/{kind}s")).json == [shown]
        version = str(shown["Version"]["Index"])
        await engine.ok("POST", f"/{kind}s/{id}/update", {"Name": "kept", "Labels": {}}, version=version)
        await engine.refused(409, "POST", f"/{kind}s/create", spec)
        await engine.refused(400, "POST", f"/{kind}s/create", {**spec, "Data": "?"})
        await engine.refused(404, "GET", f"/{kind}s/nothing")
        await engine.ok("DELETE", f"/{kind}s/{id}")


async def _of_networks(engine: Checked) -> None:
    await engine.made(
        "/networks/create", {"Name": "my-demo", "Driver": "overlay", "Attachable": True, "Labels": {"a": "b"}}
    )
    pool = {"Driver": "default", "Config": [{"Subnet": "10.9.0.0/16", "Gateway": "10.9.0.1"}]}
    await engine.made("/networks/create", {"Name": "own", "Driver": "bridge", "IPAM": pool, "Internal": True})
    await engine.made("/services/create", service("whoami", task={"Networks": [{"Target": "my-demo"}]}))
    await engine.made("/containers/create", {"Image": "busybox", "HostConfig": {"NetworkMode": "own"}}, name="box")
    await engine.ok("POST", "/networks/my-demo/connect", {"Container": "box", "EndpointConfig": {"Aliases": ["x"]}})
    await engine.ok("POST", "/containers/box/start")
    assert len((await engine.get("/networks")).json) == 7
    for name in ("my-demo", "own", "ingress", "bridge", "host", "none", "docker_gwbridge"):
        for verbose in ("0", "1"):
            await engine.get(f"/networks/{name}", verbose=verbose)
    assert "whoami" in (await engine.get("/networks/my-demo", verbose="1")).json["Services"]
    await engine.refused(400, "DELETE", "/networks/my-demo")
    await engine.refused(403, "DELETE", "/networks/bridge")
    await engine.refused(404, "GET", "/networks/nothing")
    await engine.refused(409, "POST", "/networks/create", {"Name": "own"})
    await engine.refused(400, "POST", "/networks/create", {"Name": "", "Driver": "overlay"})
    await engine.ok("POST", "/networks/own/disconnect", {"Container": "box"})
    await engine.refused(404, "POST", "/networks/own/connect", {"Container": "nothing"})
    await engine.ok("DELETE", "/networks/own")
    assert (await engine.ok("POST", "/networks/prune")).json == {"NetworksDeleted": []}


async def _of_containers(engine: Checked) -> None:
    await engine.made("/services/create", service("whoami", Mode=replicated(3), EndpointSpec={"Ports": [port(80, 80)]}))
    host = {"PortBindings": {"80/tcp": [{"HostPort": "8080"}]}, "RestartPolicy": {"Name": "always"}, "Memory": 1 << 20}
    await engine.made("/containers/create", {"Image": "nginx", "HostConfig": host, "Labels": {"a": "b"}}, name="box")
    await engine.made("/containers/create", {"Image": "busybox", "Tty": True, "Cmd": ["sh"], "Env": ["A"]}, name="tty")
    await engine.made("/containers/create", {"Image": "busybox", "HostConfig": {"NetworkMode": "host"}}, name="open")
    for name in ("box", "open"):
        await engine.ok("POST", f"/containers/{name}/start")
    assert (await engine.ok("POST", "/containers/box/start")).status == 304
    rows = (await engine.get("/containers/json", all="1", size="1")).json
    assert len(rows) == 4
    for row in rows:
        await engine.get(f"/containers/{row['Id']}/json", size="1")
    assert (await engine.get("/containers/box/top")).json["Processes"]
    for name in ("box", "tty"):
        await engine.get(f"/containers/{name}/stats", stream="0")
        engine.bench.engines.log((await engine.get(f"/containers/{name}/json")).json["Id"]).say("hello")
        assert b"hello" in (await engine.get(f"/containers/{name}/logs", stdout="1", stderr="1")).data
    await engine.ok("POST", "/containers/box/resize", h="24", w="80")
    await engine.ok("POST", "/containers/box/restart")
    await engine.ok("POST", "/containers/box/kill", signal="SIGTERM")
    await engine.ok("POST", "/containers/box/stop")
    assert (await engine.ok("POST", "/containers/box/wait")).json["StatusCode"] >= 0
    assert (await engine.ok("POST", "/containers/tty/stop")).status == 304
    await engine.ok("HEAD", "/containers/box/archive", path="/")
    for method, rest in (("GET", "archive"), ("PUT", "archive"), ("GET", "changes"), ("GET", "export")):
        await engine.refused(501, method, f"/containers/box/{rest}", path="/")
    for rest in ("pause", "unpause", "rename", "update"):
        await engine.refused(501, "POST", f"/containers/box/{rest}")
    await engine.refused(404, "GET", "/containers/nothing/json")
    await engine.refused(404, "POST", "/containers/create", {"Image": "nothing"})
    await engine.refused(409, "POST", "/containers/create", {"Image": "busybox"}, name="box")
    await engine.refused(409, "POST", "/containers/box/kill")
    await engine.refused(409, "DELETE", "/containers/open")
    await engine.ok("DELETE", "/containers/open", force="1")
    assert len((await engine.ok("POST", "/containers/prune")).json["ContainersDeleted"]) == 2


async def _of_programs(engine: Checked) -> None:
    await engine.made("/containers/create", {"Image": "busybox"}, name="box")
    await engine.refused(409, "POST", "/containers/box/exec", {"Cmd": ["sh"]})
    await engine.ok("POST", "/containers/box/start")
    id = await engine.made("/containers/box/exec", {"Cmd": ["sh"], "AttachStdin": False, "Env": ["A=b"]})
    assert (await engine.get(f"/exec/{id}/json")).json["ExitCode"] is None
    await engine.refused(400, "POST", f"/exec/{id}/resize", h="1", w="1")
    await engine.ok("POST", f"/exec/{id}/start", {"Detach": True})
    await engine.refused(409, "POST", f"/exec/{id}/start", {"Detach": True})
    while (await engine.get(f"/exec/{id}/json")).json["ExitCode"] is None:
        await asyncio.sleep(0)
    terminal = await engine.made("/containers/box/exec", {"Cmd": ["sh"], "Tty": True})
    await engine.ok("POST", f"/exec/{terminal}/start", {"Detach": True, "Tty": True})
    await engine.ok("POST", f"/exec/{terminal}/resize", h="24", w="80")
    missing = await engine.made("/containers/box/exec", {"Cmd": ["missing"]})
    await engine.refused(400, "POST", f"/exec/{missing}/start", {"Detach": True})
    await engine.refused(404, "POST", "/exec/nothing/start", {})
    await engine.refused(404, "POST", "/containers/nothing/attach")


async def _of_images(engine: Checked) -> None:
    assert len((await engine.get("/images/json")).json) > 3
    await engine.get("/images/busybox/json")
    await engine.get("/images/busybox:1.36/history")
    await engine.get("/distribution/busybox/json")
    await engine.ok("POST", "/images/create", fromImage="nginx", tag="latest")
    await engine.ok("POST", "/images/prune")
    await engine.refused(404, "GET", "/images/nothing/json")
    await engine.refused(404, "POST", "/images/create", fromImage="nothing")
    await engine.refused(401, "GET", "/distribution/nothing/json")
    for method, rest in (("DELETE", ""), ("POST", "/tag"), ("POST", "/push"), ("GET", "/get")):
        await engine.refused(501, method, f"/images/busybox{rest}")
    for path in ("/build", "/build/prune", "/commit", "/images/load"):
        await engine.refused(501, "POST", path)
    for path in ("/images/search", "/images/get"):
        await engine.refused(501, "GET", path)


SCENES = (
    *(_of_the_system, _of_volumes_and_plugins, _of_the_swarm, _of_nodes, _of_services, _of_tasks),
    *(_of_configs_and_secrets, _of_networks, _of_containers, _of_programs, _of_images),
)
ASKED: dict[Scene, set[str]] = {}


async def _played(scene: Scene) -> set[str]:
    async with asyncio.timeout(30), paper_bench() as bench:
        engine = Checked(bench, MANAGER)
        await scene(engine)
        return engine.asked


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__.removeprefix("_of_"))
def test_answers_are_as_described(scene: Scene) -> None:
    ASKED[scene] = asyncio.run(_played(scene))


def test_every_endpoint_is_asked() -> None:
    asked = [ASKED.get(scene) or asyncio.run(_played(scene)) for scene in SCENES]
    assert {str(one) for one in described.operations()} == set().union(*asked)
