"""The swarm, its nodes, and its configs and secrets, over the machines' engines."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from meshnet.model import Generation
from tests.engine_api.checked import Checked, service
from tests.engine_api.conftest import Play
from tests.orchestrator.machines import alone
from tests.orchestrator.swarms import MANAGER, WORKER1, WORKER2, machine, swarm

PREFIX = "rpc error: code = "
DAY = 24 * 3600 * 1_000_000_000


def _local(info: Any) -> tuple[str, bool]:
    return info.json["Swarm"]["LocalNodeState"], info.json["Swarm"]["ControlAvailable"]


def test_machines_form_a_swarm_by_hand(on_paper: Play) -> None:
    async def scene(engine: Checked) -> None:
        workers = [Checked(engine.bench, name) for name in (WORKER1, WORKER2)]
        assert _local(await engine.get("/info")) == ("inactive", False)
        id = (await engine.ok("POST", "/swarm/init", {"ListenAddr": "0.0.0.0:2377"})).json
        node = (await engine.get(f"/nodes/{id}")).json
        address = node["ManagerStatus"]["Addr"]
        tokens = (await engine.get("/swarm")).json["JoinTokens"]
        assert address.endswith(":2377") and all(token.startswith("SWMTKN-1-") for token in tokens.values())
        for worker, token in zip(workers, (tokens["Worker"], tokens["Manager"]), strict=True):
            await worker.ok("POST", "/swarm/join", {"RemoteAddrs": [address], "JoinToken": token})
        assert _local(await workers[0].get("/info")) == ("active", False)
        assert _local(await workers[1].get("/info")) == ("active", True)
        assert {each["Description"]["Hostname"] for each in (await workers[1].get("/nodes")).json} == {
            MANAGER,
            WORKER1,
            WORKER2,
        }
        info = (await engine.get("/info")).json["Swarm"]
        assert (info["Nodes"], info["Managers"], info["NodeID"]) == (3, 2, id)
        assert [each["Addr"] for each in info["RemoteManagers"]] == [address, f"{machine('w', 12).address.ip}:2377"]

    on_paper(scene, state=alone())


@pytest.mark.parametrize(
    ("body", "status", "sentence"),
    [
        ({"RemoteAddrs": ["192.168.56.10:2377"], "JoinToken": "SWMTKN-1-a-b"}, 400, "A valid join token is necessary"),
        ({"RemoteAddrs": [], "JoinToken": "x"}, 400, "at least 1 RemoteAddr"),
        ({"JoinToken": "x"}, 400, "at least 1 RemoteAddr"),
        ({"RemoteAddrs": ["192.168.56.11"], "JoinToken": "x"}, 503, "192.168.56.11 is no manager"),
    ],
)
def test_joining_otherwise_is_refused(on_paper: Play, body: dict[str, Any], status: int, sentence: str) -> None:
    async def scene(engine: Checked) -> None:
        worker = Checked(engine.bench, WORKER1)
        await worker.ok("POST", "/swarm/leave")
        assert sentence in await worker.refused(status, "POST", "/swarm/join", body)

    on_paper(scene)


def test_member_joins_no_other_swarm_and_a_manager_leaves_only_by_force(on_paper: Play) -> None:
    async def scene(engine: Checked) -> None:
        body = {"RemoteAddrs": ["192.168.56.10:2377"], "JoinToken": "x"}
        for path, sent in (("/swarm/init", {"ListenAddr": "x"}), ("/swarm/join", body)):
            assert "This node is already part of a swarm." in await engine.refused(503, "POST", path, sent)
        assert "`--force`" in await engine.refused(503, "POST", "/swarm/leave")
        for no in ("0", "false", ""):
            await engine.refused(503, "POST", "/swarm/leave", force=no)
        await engine.ok("POST", "/swarm/leave", force="1")
        assert await engine.refused(503, "POST", "/swarm/leave") == "This node is not part of a swarm"

    on_paper(scene)


def test_settings_are_changed_and_tokens_replaced(on_paper: Play) -> None:
    async def scene(engine: Checked) -> None:
        before = (await engine.get("/swarm")).json
        spec = {
            **before["Spec"],
            "Orchestration": {"TaskHistoryRetentionLimit": -1},
            "Dispatcher": {"HeartbeatPeriod": DAY},
        }
        await engine.ok(
            "POST", "/swarm/update", spec, version=str(before["Version"]["Index"]), rotateWorkerToken="true"
        )
        after = (await engine.get("/swarm")).json
        assert after["Spec"] == spec
        assert after["JoinTokens"]["Manager"] == before["JoinTokens"]["Manager"]
        assert after["JoinTokens"]["Worker"] != before["JoinTokens"]["Worker"]
        assert after["Version"]["Index"] > before["Version"]["Index"]

    on_paper(scene)


@pytest.mark.parametrize(
    "spec",
    [
        {"Orchestration": []},
        {"Orchestration": {"TaskHistoryRetentionLimit": "5"}},
        {"Dispatcher": {"HeartbeatPeriod": -1}},
        {"Labels": {"a": 1}},
        {"Name": 5},
        {"EncryptionConfig": {"AutoLockManagers": True}},
    ],
)
def test_settings_that_cannot_be_are_refused(on_paper: Play, spec: dict[str, Any]) -> None:
    async def scene(engine: Checked) -> None:
        before = (await engine.get("/swarm")).json
        await engine.refused(400, "POST", "/swarm/update", spec, version=str(before["Version"]["Index"]))
        assert (await engine.get("/swarm")).json == before

    on_paper(scene)


def test_node_is_known_by_its_name_its_id_and_its_ids_beginning(on_paper: Play) -> None:
    async def scene(engine: Checked) -> None:
        node = (await engine.get(f"/nodes/{WORKER1}")).json
        for asked in (node["ID"], node["ID"][:8]):
            assert (await engine.get(f"/nodes/{asked}")).json == node
        assert await engine.refused(404, "GET", "/nodes/nope") == "node nope not found"
        assert "ManagerStatus" not in node
        assert (await engine.get(f"/nodes/{MANAGER}")).json["ManagerStatus"]["Leader"]

    on_paper(scene)


def test_node_is_promoted_drained_and_labelled_in_one_request(on_paper: Play) -> None:
    async def scene(engine: Checked) -> None:
        version = str((await engine.get(f"/nodes/{WORKER1}")).json["Version"]["Index"])
        spec = {"Role": "manager", "Availability": "drain", "Labels": {"rack": "1"}}
        await engine.ok("POST", f"/nodes/{WORKER1}/update", spec, version=version)
        assert (await engine.get(f"/nodes/{WORKER1}")).json["Spec"] == spec
        assert len((await Checked(engine.bench, WORKER1).get("/nodes")).json) == 3
        said = await engine.refused(500, "POST", f"/nodes/{WORKER1}/update", spec, version=version)
        assert said == f"{PREFIX}Unknown desc = update out of sequence"

    on_paper(scene)


@pytest.mark.parametrize(
    ("node", "spec", "sentence"),
    [
        (WORKER1, {"Role": "captain", "Availability": "active"}, 'invalid Role: "captain"'),
        (WORKER1, {"Role": "worker", "Availability": "away"}, 'invalid Availability: "away"'),
        (
            MANAGER,
            {"Role": "worker", "Availability": "active"},
            f"{PREFIX}FailedPrecondition desc = attempting to demote the last manager of the swarm",
        ),
    ],
)
def test_node_that_cannot_be_so_is_left_as_it_is(on_paper: Play, node: str, spec: object, sentence: str) -> None:
    async def scene(engine: Checked) -> None:
        before = (await engine.get(f"/nodes/{node}")).json
        version = str(before["Version"]["Index"])
        assert await engine.refused(400, "POST", f"/nodes/{node}/update", spec, version=version) == sentence
        assert (await engine.get(f"/nodes/{node}")).json == before

    on_paper(scene)


def test_node_that_is_up_is_removed_only_by_force(on_paper: Play) -> None:
    async def scene(engine: Checked) -> None:
        said = await engine.refused(400, "DELETE", f"/nodes/{WORKER1}")
        assert said.startswith(f"{PREFIX}FailedPrecondition desc = node ") and "is not down" in said
        await engine.ok("DELETE", f"/nodes/{WORKER1}", force="1")
        assert len((await engine.get("/nodes")).json) == 2

    on_paper(scene)


@pytest.mark.parametrize(
    ("generation", "version"),
    [(Generation.G18_03, "18.03.1-ce"), (Generation.G18_06, "18.06.3-ce"), (Generation.G20_10, "20.10.24")],
)
def test_every_generation_says_its_engines_version_and_speaks_the_same_api(
    on_paper: Play, generation: Generation, version: str
) -> None:
    async def scene(engine: Checked) -> None:
        said = (await engine.get("/version")).json
        assert (said["Version"], said["ApiVersion"]) == (version, "1.50")
        assert (await engine.get("/info")).json["ServerVersion"] == version
        assert (await engine.get(f"/nodes/{WORKER1}")).json["Description"]["Engine"]["EngineVersion"] == version

    on_paper(scene, state=swarm(generation))


def _encoded(text: bytes) -> str:
    return base64.b64encode(text).decode()


@pytest.mark.parametrize("kind", ["config", "secret"])
def test_config_is_shown_with_what_it_holds_and_a_secret_is_not(on_paper: Play, kind: str) -> None:
    async def scene(engine: Checked) -> None:
        id = await engine.made(f"/{kind}s/create", {"Name": "site", "Data": _encoded(b"text"), "Labels": {"a": "b"}})
        for asked in (id, "site", id[:6]):
            spec = (await engine.get(f"/{kind}s/{asked}")).json["Spec"]
            assert spec.get("Data") == (_encoded(b"text") if kind == "config" else None)
        other = "secret" if kind == "config" else "config"
        assert (await engine.get(f"/{other}s")).json == []
        assert await engine.refused(404, "GET", f"/{other}s/site") == f"{other} site not found"

    on_paper(scene)


@pytest.mark.parametrize("kind", ["config", "secret"])
@pytest.mark.parametrize(
    ("body", "status", "sentence"),
    [
        ({"Name": "site", "Data": _encoded(b"x")}, 409, f"{PREFIX}AlreadyExists desc = "),
        ({"Name": "x", "Data": ""}, 400, f"{PREFIX}InvalidArgument desc = "),
        ({"Name": "x", "Data": _encoded(bytes(1024 * 1001))}, 400, f"{PREFIX}InvalidArgument desc = "),
        ({"Name": "bad name", "Data": _encoded(b"x")}, 400, f"{PREFIX}InvalidArgument desc = invalid name"),
        ({"Name": "x", "Data": "?"}, 400, "invalid JSON: illegal base64 data"),
        ({"Name": "x", "Data": "\u00e9"}, 400, "invalid JSON: illegal base64 data"),
        ({"Name": "x", "Data": 5}, 400, "invalid JSON: "),
    ],
)
def test_config_that_cannot_be_is_refused(on_paper: Play, kind: str, body: object, status: int, sentence: str) -> None:
    async def scene(engine: Checked) -> None:
        await engine.made(f"/{kind}s/create", {"Name": "site", "Data": _encoded(b"x")})
        assert (await engine.refused(status, "POST", f"/{kind}s/create", body)).startswith(sentence)

    on_paper(scene)


@pytest.mark.parametrize("kind", ["config", "secret"])
def test_only_a_configs_labels_change(on_paper: Play, kind: str) -> None:
    async def scene(engine: Checked) -> None:
        id = await engine.made(f"/{kind}s/create", {"Name": "site", "Data": _encoded(b"x")})
        path = f"/{kind}s/{id}/update"
        version = str((await engine.get(f"/{kind}s/{id}")).json["Version"]["Index"])
        for data in (_encoded(b"other"), "?"):
            await engine.refused(400, "POST", path, {"Name": "site", "Data": data}, version=version)
        await engine.ok("POST", path, {"Name": "site", "Data": _encoded(b"x"), "Labels": {"a": "b"}}, version=version)
        assert (await engine.get(f"/{kind}s/{id}")).json["Spec"]["Labels"] == {"a": "b"}
        assert "out of sequence" in await engine.refused(400, "POST", path, {"Name": "site"}, version=version)

    on_paper(scene)


@pytest.mark.parametrize("kind", ["config", "secret"])
def test_config_that_a_service_wants_stays(on_paper: Play, kind: str) -> None:
    async def scene(engine: Checked) -> None:
        await engine.made(f"/{kind}s/create", {"Name": "site", "Data": _encoded(b"x")})
        wanted = {f"{kind.capitalize()}s": [{f"{kind.capitalize()}Name": "site", "File": {"Name": "x"}}]}
        await engine.made("/services/create", service("web", container=wanted))
        said = await engine.refused(400, "DELETE", f"/{kind}s/site")
        assert said == f"{PREFIX}InvalidArgument desc = {kind} 'site' is in use by the following service: web"
        await engine.ok("DELETE", "/services/web")
        assert (await engine.ok("DELETE", f"/{kind}s/site")).status == 204
        assert await engine.refused(404, "DELETE", f"/{kind}s/site") == f"{kind} site not found"

    on_paper(scene)
