"""What holds for every request to an engine: its version, its headers, and how what is wrong is refused."""

from __future__ import annotations

import io
import json

import pytest

from meshnet.engine_api.app import LARGEST_BODY
from tests.engine_api.checked import Checked, service
from tests.engine_api.conftest import Play
from tests.orchestrator.machines import alone
from tests.orchestrator.swarms import MANAGER, WORKER1, swarm

MAKE_SERVICE = "/services/create"


@pytest.mark.parametrize("prefix", ["", "/v1.40", "/v1.41", "/v1.50"])
def test_paths_stand_with_a_version_and_without(on_paper: Play, prefix: str) -> None:
    async def scene(engine: Checked) -> None:
        assert (await engine.get(f"{prefix}/_ping")).data == b"OK"
        assert len((await engine.get(f"{prefix}/nodes")).json) == 3

    on_paper(scene)


@pytest.mark.parametrize(
    ("prefix", "sentence"),
    [
        ("/v1.99", "client version 1.99 is too new. Maximum supported API version is 1.50"),
        ("/v2.0", "client version 2.0 is too new. Maximum supported API version is 1.50"),
        ("/v1.12", "client version 1.12 is too old. Minimum supported API version is "),
    ],
)
def test_other_versions_are_refused_in_dockers_words(on_paper: Play, prefix: str, sentence: str) -> None:
    async def scene(engine: Checked) -> None:
        answer = await engine.bench.ask("GET", f"{prefix}/info")
        assert answer.status == 400 and answer.message.startswith(sentence)

    on_paper(scene)


@pytest.mark.parametrize(
    "path", ["/nothing", "/v1.50/nothing", "/v1/info", f"/v{'1' * 5000}.1/info", "/services/a/b/c"]
)
def test_unknown_path_is_not_found_in_json(on_paper: Play, path: str) -> None:
    async def scene(engine: Checked) -> None:
        answer = await engine.bench.ask("GET", path)
        assert (answer.status, answer.message) == (404, "page not found")

    on_paper(scene)


@pytest.mark.parametrize("path", ["/_ping", "/info", "/services/nope", "/nothing"])
def test_every_answer_says_whose_it_is(on_paper: Play, path: str) -> None:
    async def scene(engine: Checked) -> None:
        for method in ("GET", "HEAD"):
            answer = await engine.bench.ask(method, path)
            said = {name: answer.headers[name] for name in ("Api-Version", "Ostype", "Docker-Experimental", "Server")}
            assert said == {
                "Api-Version": "1.50",
                "Ostype": "linux",
                "Docker-Experimental": "false",
                "Server": "Docker/18.06.3-ce (linux)",
            }
            assert answer.data == b"" or method == "GET"
            if path != "/_ping":
                assert answer.headers["Content-Type"] == "application/json"

    on_paper(scene, state=swarm("18.06"))


def test_ping_says_what_the_machine_is_in_the_swarm(on_paper: Play) -> None:
    async def scene(engine: Checked) -> None:
        assert (await engine.get("/_ping")).headers["Swarm"] == "active/manager"
        assert (await Checked(engine.bench, WORKER1).get("/_ping")).headers["Swarm"] == "active/worker"
        await engine.ok("POST", "/swarm/leave", force="1")
        assert (await engine.get("/_ping")).headers["Swarm"] == "inactive"

    on_paper(scene)


@pytest.mark.parametrize(
    "body",
    [b"", b"  ", b"{", b"nonsense", b"[]", b'"text"', b"null", b"\xff\xfe", b"[" * 100_000, b'{"a": NaN', b"9" * 5000],
)
def test_malformed_body_is_the_clients_mistake(on_paper: Play, body: bytes) -> None:
    async def scene(engine: Checked) -> None:
        for path in (MAKE_SERVICE, "/configs/create", "/networks/create", "/swarm/init", "/containers/create"):
            assert "JSON" in await engine.refused(400, "POST", path, body)

    on_paper(scene)


def test_body_beyond_all_measure_is_refused(on_paper: Play) -> None:
    async def scene(engine: Checked) -> None:
        huge = json.dumps(service("web", Labels={"a": "x" * (10 << 20)})).encode()
        assert len(huge) > LARGEST_BODY
        async with engine.bench[MANAGER].session.post(f"http://engine{MAKE_SERVICE}", data=io.BytesIO(huge)) as answer:
            assert (answer.status, await answer.json()) == (413, {"message": "http: request body too large"})
        assert (await engine.get("/services")).json == []

    on_paper(scene)


def test_body_of_another_content_type_is_read_all_the_same(on_paper: Play) -> None:
    async def scene(engine: Checked) -> None:
        data = json.dumps(service("web")).encode()
        async with engine.bench[MANAGER].session.post(
            f"http://engine{MAKE_SERVICE}", data=data, headers={"Content-Type": "text/plain"}
        ) as answer:
            assert answer.status == 201

    on_paper(scene)


@pytest.mark.parametrize(
    "path", ["/services", "/tasks", "/nodes", "/networks", "/configs", "/secrets", "/containers/json"]
)
@pytest.mark.parametrize(
    "filters", ['{"nope":["x"]}', "{", "[]", '"x"', "1", '{"name":"web"}', '{"name":[1]}', '{"name":null}', "[" * 5000]
)
def test_filters_that_nobody_knows_or_can_read_are_refused(on_paper: Play, path: str, filters: str) -> None:
    async def scene(engine: Checked) -> None:
        said = await engine.refused(400, "GET", path, filters=filters)
        assert "filter" in said
        if filters.startswith('{"nope"'):
            assert said == "invalid filter 'nope'"

    on_paper(scene)


def test_filters_are_maps_or_lists_and_what_is_set_to_false_is_none(on_paper: Play) -> None:
    async def scene(engine: Checked) -> None:
        for name in ("web", "db"):
            await engine.made(MAKE_SERVICE, service(name))
        for wanted, names in (
            ({"name": ["web"]}, ["web"]),
            ({"name": {"web": True}}, ["web"]),
            ({"name": {"web": True, "db": False}}, ["web"]),
            ({"name": []}, ["web", "db"]),
            ({}, ["web", "db"]),
        ):
            shown = (await engine.get("/services", filters=wanted)).json
            assert [each["Spec"]["Name"] for each in shown] == names

    on_paper(scene)


@pytest.mark.parametrize("version", ["", "x", "-1", "1.5", "1" * 5000, "\u0661"])
def test_version_that_is_no_number_is_refused(on_paper: Play, version: str) -> None:
    async def scene(engine: Checked) -> None:
        await engine.made(MAKE_SERVICE, service("web"))
        said = await engine.refused(400, "POST", "/services/web/update", service("web"), version=version)
        assert said.startswith(f"invalid version '{version}'")

    on_paper(scene)


@pytest.mark.parametrize("path", ["/services", "/tasks", "/nodes", "/swarm", "/configs", "/secrets"])
def test_only_managers_tell_of_the_swarm(on_paper: Play, path: str) -> None:
    async def scene(engine: Checked) -> None:
        worker = Checked(engine.bench, WORKER1)
        said = await worker.refused(503, "GET", path)
        assert said.startswith("This node is not a swarm manager. Worker nodes can't be used to view or modify")
        await worker.ok("POST", "/swarm/leave")
        said = await worker.refused(503, "GET", path)
        assert said.startswith('This node is not a swarm manager. Use "docker swarm init" or "docker swarm join"')

    on_paper(scene)


def test_service_is_made_by_nobody_outside_a_swarm(on_paper: Play) -> None:
    async def scene(engine: Checked) -> None:
        assert "docker swarm init" in await engine.refused(503, "POST", MAKE_SERVICE, service("web"))

    on_paper(scene, state=alone())


def test_what_fails_is_one_sentence_for_the_client_and_whole_for_the_log(
    on_paper: Play, capfd: pytest.CaptureFixture[str]
) -> None:
    async def scene(engine: Checked) -> None:
        engine.bench.engines.catalogue = None  # type: ignore[assignment]  # nothing less would make it fail
        said = await engine.refused(500, "GET", "/images/json")
        assert said.startswith("meshnet failed at GET /images/json: ") and "\n" not in said

    on_paper(scene)
    assert "Traceback" in capfd.readouterr().err
