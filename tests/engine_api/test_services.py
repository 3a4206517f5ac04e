"""Services and their tasks, as clients ask for them and are shown them."""

from __future__ import annotations

from typing import Any

import pytest

from meshnet.model import StoredKind, StoredSpec
from meshnet.orchestrator.commands import CreateStored
from tests.engine_api.checked import Checked, port, replicated, service
from tests.engine_api.conftest import Play
from tests.orchestrator.swarms import network, run, swarm

SECOND = 1_000_000_000
MAKE = "/services/create"


def test_network_config_and_secret_are_named_or_told_by_id(on_paper: Play) -> None:
    async def scene(engine: Checked) -> None:
        state = engine.bench.engines.state
        front = state.network_named("front")
        assert front is not None
        ids = {stored.kind: stored.id for stored in state.stored.values()}
        file = {"File": {"Name": "/x"}}
        container = {
            "Configs": [{"ConfigID": ids[StoredKind.CONFIG], **file}],
            "Secrets": [{"SecretName": "key", **file}],
        }
        body = service("web", task={"Networks": [{"Target": front.id[:6]}]}, container=container)
        await engine.made(MAKE, body)
        shown = (await engine.get("/services/web")).json["Spec"]["TaskTemplate"]
        assert shown["Networks"] == [{"Target": front.id}]
        assert shown["ContainerSpec"]["Configs"][0]["ConfigName"] == "site"
        assert shown["ContainerSpec"]["Secrets"][0]["SecretID"] == ids[StoredKind.SECRET]

    stored = (StoredSpec(StoredKind.CONFIG, "site", b"a"), StoredSpec(StoredKind.SECRET, "key", b"b"))
    on_paper(scene, state=run(swarm(), network("front"), *map(CreateStored, stored)))


def test_defaults_are_filled_in_for_who_asks(on_paper: Play) -> None:
    async def scene(engine: Checked) -> None:
        await engine.made(MAKE, service("web"))
        bare = (await engine.get("/services/web")).json["Spec"]
        assert "UpdateConfig" not in bare and "RestartPolicy" not in bare["TaskTemplate"]
        assert bare["Mode"] == replicated(1) and bare["EndpointSpec"] == {"Mode": "vip"}
        for yes in ("true", "1", "True"):
            shown = (await engine.get("/services/web", insertDefaults=yes)).json["Spec"]
            rollout = {
                "Parallelism": 1,
                "FailureAction": "pause",
                "Monitor": 5 * SECOND,
                "MaxFailureRatio": 0,
                "Order": "stop-first",
            }
            assert shown["UpdateConfig"] == shown["RollbackConfig"] == rollout
            template = shown["TaskTemplate"]
            assert template["RestartPolicy"] == {"Condition": "any", "Delay": 5 * SECOND, "MaxAttempts": 0}
            assert template["ContainerSpec"]["StopGracePeriod"] == 10 * SECOND
            assert template["ContainerSpec"]["DNSConfig"] == template["Placement"] == {}

    on_paper(scene)


def test_service_that_nobody_named_has_two_words_of_its_own(on_paper: Play) -> None:
    async def scene(engine: Checked) -> None:
        for _ in range(2):
            await engine.made(MAKE, service(""))
        names = {each["Spec"]["Name"] for each in (await engine.get("/services")).json}
        assert len(names) == 2 and all("_" in name for name in names)

    on_paper(scene)


PREFIX = "rpc error: code = "
INVALID = f"{PREFIX}InvalidArgument desc = "


@pytest.mark.parametrize(
    ("body", "status", "sentence"),
    [
        (
            service("web"),
            409,
            f"{PREFIX}AlreadyExists desc = name conflicts with an existing object: service web",
        ),
        (service("bad name"), 400, INVALID),
        (
            service("x", container={"Image": ""}),
            400,
            f"{INVALID}ContainerSpec: image reference must",
        ),
        (
            service("x", EndpointSpec={"Ports": [port(1, 80)]}),
            400,
            f"{INVALID}port '80' is already in u",
        ),
        (
            service("x", EndpointSpec={"Mode": "dnsrr", "Ports": [port(80, 81)]}),
            400,
            f"{INVALID}EndpointSpec: port published with ingress mode can't be used with dnsrr",
        ),
        (
            service("x", EndpointSpec={"Ports": [port(80, 81), port(8080, 81)]}),
            400,
            f"{INVALID}EndpointSpec: duplicate published ports provided",
        ),
        (service("x", task={"Networks": [{"Target": "nope"}]}), 404, "network nope not found"),
        (service("x", task={"Networks": [{"Target": "ingress"}]}), 400, INVALID),
        (service("x", task={"Placement": {"Constraints": ["nonsense"]}}), 400, INVALID),
        (service("x", container={"Configs": [{"ConfigName": "nope"}]}), 404, "config nope not found"),
        (
            service("x", container={"Mounts": [{"Type": "bind", "Target": "/x"}]}),
            400,
            "mount of type bind at /x refused",
        ),
        (service("x", container={"Mounts": [{"Target": "/x"}]}), 400, "mount of type volume at /x refused"),
        (service("x", Mode={"ReplicatedJob": {}}), 501, "service mode ReplicatedJob is not supported"),
        (
            service("x", Mode={"Replicated": {"Replicas": -1}}),
            400,
            "invalid JSON: json: cannot unmarshal number -1 into",
        ),
        (
            service("x", UpdateConfig={"Order": "last"}),
            400,
            f"{INVALID}unrecognized update order",
        ),
        (service("x", UpdateConfig={"MaxFailureRatio": 2}), 400, f"{INVALID}UpdateConfig: "),
        (
            service("x", task={"RestartPolicy": {"Condition": "never"}}),
            400,
            f"{INVALID}TaskSpec: ",
        ),
    ],
)
def test_service_that_cannot_be_is_refused_in_dockers_words(
    on_paper: Play, body: dict[str, Any], status: int, sentence: str
) -> None:
    async def scene(engine: Checked) -> None:
        await engine.made(MAKE, service("web", EndpointSpec={"Ports": [port(80, 80)]}))
        assert (await engine.refused(status, "POST", MAKE, body)).startswith(sentence)
        assert len(engine.bench.engines.state.services) == 1

    on_paper(scene)


def test_image_that_is_not_in_the_catalogue_is_the_tasks_trouble(on_paper: Play) -> None:
    async def scene(engine: Checked) -> None:
        await engine.made(MAKE, service("web", container={"Image": "no/such:1"}))
        assert (await engine.get("/services/web")).json["Spec"]["TaskTemplate"]["ContainerSpec"]["Image"] == "no/such:1"

    on_paper(scene)


def test_update_is_for_the_version_that_was_seen(on_paper: Play) -> None:
    async def scene(engine: Checked) -> None:
        await engine.made(MAKE, service("web"))
        version = str((await engine.get("/services/web")).json["Version"]["Index"])
        body = service("web", Mode=replicated(2))
        answer = await engine.ok("POST", "/services/web/update", body, version=version)
        assert answer.json == {"Warnings": None}
        said = await engine.refused(500, "POST", "/services/web/update", body, version=version)
        assert said == f"{PREFIX}Unknown desc = update out of sequence"
        version = str((await engine.get("/services/web")).json["Version"]["Index"])
        renamed = service("other", Mode=replicated(2))
        assert "renaming" in await engine.refused(501, "POST", "/services/web/update", renamed, version=version)
        assert "rollback" in await engine.refused(
            400, "POST", "/services/web/update", body, version=version, rollback="x"
        )

    on_paper(scene)


def test_rollback_goes_back_whatever_the_client_sends_with_it(on_paper: Play) -> None:
    async def scene(engine: Checked) -> None:
        async def change(body: object, **query: str) -> dict[str, Any]:
            version = str((await engine.get("/services/web")).json["Version"]["Index"])
            await engine.ok("POST", "/services/web/update", body, version=version, **query)
            shown: dict[str, Any] = (await engine.get("/services/web")).json
            return shown

        await engine.made(MAKE, service("web"))
        shown = await change(service("web", container={"Image": "nginx"}))
        assert shown["PreviousSpec"]["TaskTemplate"]["ContainerSpec"]["Image"] == "busybox"
        shown = await change({}, rollback="previous")
        assert shown["Spec"]["TaskTemplate"]["ContainerSpec"]["Image"] == "busybox"
        assert shown["UpdateStatus"]["State"].startswith("rollback_")

    on_paper(scene)


def test_services_and_tasks_are_found_by_id_name_or_an_ids_own_beginning(on_paper: Play) -> None:
    async def scene(engine: Checked) -> None:
        ids = [await engine.made(MAKE, service(name)) for name in [f"web{number}" for number in range(40)]]
        for asked in (ids[0], "web0"):
            assert (await engine.get(f"/services/{asked}")).json["ID"] == ids[0]
        single, several = _beginnings(ids)
        assert (await engine.get(f"/services/{single}")).json["ID"].startswith(single)
        assert "ambiguous" in await engine.refused(400, "GET", f"/services/{several}")
        assert await engine.refused(404, "GET", "/services/nope") == "service nope not found"
        task = next(iter(engine.bench.engines.state.tasks))
        assert (await engine.get(f"/tasks/{task}")).json["ID"] == task
        assert await engine.refused(404, "GET", "/tasks/nope") == "task nope not found"

    on_paper(scene)


def _beginnings(ids: list[str]) -> tuple[str, str]:
    """One that a single id has, and one that several have."""
    starts = [id[0] for id in ids]
    several = next(start for start in starts if starts.count(start) > 1)
    single = next(
        id[:length] for id in ids for length in range(1, 25) if sum(x.startswith(id[:length]) for x in ids) == 1
    )
    return single, several


@pytest.mark.parametrize(
    ("path", "filters", "names"),
    [
        ("/services", {"name": ["we"]}, {"web"}),
        ("/services", {"name": ["we", "d"]}, {"web", "db"}),
        ("/services", {"label": ["tier=front"]}, {"web"}),
        ("/services", {"label": ["tier"]}, {"web", "db"}),
        ("/services", {"label": ["tier", "tier=back"]}, {"db"}),
        ("/services", {"mode": ["global"]}, {"db"}),
        ("/services", {"runtime": ["plugin"]}, set()),
        ("/services", {"id": ["nope"]}, set()),
        ("/tasks", {"service": ["web"]}, {"web"}),
        ("/tasks", {"service": ["nope"]}, set()),
        ("/tasks", {"node": ["swarm-worker1"], "service": ["db"]}, {"db"}),
        ("/tasks", {"node": ["self"]}, {"db", "web"}),
        ("/tasks", {"name": ["web.1"]}, {"web"}),
        ("/tasks", {"label": ["tier=back"]}, {"db"}),
        ("/tasks", {"desired-state": ["shutdown"]}, {"web"}),
        ("/tasks", {"_up-to-date": ["true"], "service": ["web"]}, {"web"}),
        ("/nodes", {"role": ["manager"]}, {"swarm-manager"}),
        ("/nodes", {"name": ["swarm-w"]}, {"swarm-worker1", "swarm-worker2"}),
        ("/nodes", {"membership": ["pending"]}, set()),
        ("/nodes", {"node.label": ["a"]}, set()),
    ],
)
def test_filters_choose(on_paper: Play, path: str, filters: dict[str, list[str]], names: set[str]) -> None:
    async def scene(engine: Checked) -> None:
        await engine.made(MAKE, service("web", Labels={"tier": "front"}, Mode=replicated(3)))
        await engine.made(MAKE, service("db", Labels={"tier": "back"}, Mode={"Global": {}}))
        version = str((await engine.get("/services/web")).json["Version"]["Index"])
        changed = service("web", container={"Image": "nginx"}, Labels={"tier": "front"}, Mode=replicated(3))
        await engine.ok("POST", "/services/web/update", changed, version=version)
        services = {each["ID"]: each["Spec"]["Name"] for each in (await engine.get("/services")).json}
        shown = (await engine.get(path, filters=filters)).json
        if path == "/tasks":
            assert {services[each["ServiceID"]] for each in shown} == names
        elif path == "/nodes":
            assert {each["Description"]["Hostname"] for each in shown} == names
        else:
            assert {each["Spec"]["Name"] for each in shown} == names
        if "_up-to-date" in filters:
            assert {each["Spec"]["ContainerSpec"]["Image"] for each in shown} == {"nginx"}

    on_paper(scene)


@pytest.mark.parametrize(
    ("path", "filters"), [("/tasks", {"desired-state": ["sleeping"]}), ("/nodes", {"role": ["captain"]})]
)
def test_filters_with_a_value_that_cannot_be_are_refused(on_paper: Play, path: str, filters: object) -> None:
    async def scene(engine: Checked) -> None:
        await engine.refused(400, "GET", path, filters=filters)

    on_paper(scene)


def test_status_counts_tasks(on_paper: Play) -> None:
    async def scene(engine: Checked) -> None:
        await engine.made(MAKE, service("web", Mode=replicated(3)))
        await engine.made(MAKE, service("all", Mode={"Global": {}}))
        unfit = {"Placement": {"Constraints": ["node.labels.a==b"]}}
        await engine.made(MAKE, service("nowhere", task=unfit, Mode=replicated(2)))
        for yes in ("true", "1"):
            shown = {each["Spec"]["Name"]: each for each in (await engine.get("/services", status=yes)).json}
            counts = {
                name: (each["ServiceStatus"]["RunningTasks"], each["ServiceStatus"]["DesiredTasks"])
                for name, each in shown.items()
            }
            assert counts == {"web": (3, 3), "all": (3, 3), "nowhere": (0, 2)}
        assert all("ServiceStatus" not in each for each in (await engine.get("/services")).json)

    on_paper(scene)


def test_tasks_that_were_made_last_come_first(on_paper: Play) -> None:
    async def scene(engine: Checked) -> None:
        await engine.made(MAKE, service("web", mode=replicated(3)))
        made = [task.id for task in engine.bench.engines.state.tasks.values()]
        assert len(made) == 3
        assert [task["ID"] for task in (await engine.get("/tasks")).json] == made[::-1]

    on_paper(scene)


def test_task_that_waits_says_why(on_paper: Play) -> None:
    async def scene(engine: Checked) -> None:
        await engine.made(MAKE, service("nowhere", task={"Placement": {"Constraints": ["node.labels.a==b"]}}))
        [task] = (await engine.get("/tasks")).json
        assert task["Status"]["State"] == "pending" and "NodeID" not in task
        assert task["Status"]["Err"] == "no suitable node (scheduling constraints not satisfied on 3 nodes)"

    on_paper(scene)
