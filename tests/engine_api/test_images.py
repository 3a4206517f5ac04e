"""Images: the catalogue's, and none besides."""

from __future__ import annotations

import json

from tests.engine_api.conftest import Play
from tests.engine_api.local import Lab
from tests.orchestrator.swarms import MANAGER


def test_catalogue_is_what_there_is(in_lab: Play) -> None:
    async def scene(lab: Lab) -> None:
        client = lab[MANAGER]
        await client.run("sleep", "1", name="box", Image="busybox:1.36")
        rows = {row["RepoTags"][0]: row for row in await client.get("/images/json")}
        assert {"nginx:latest", "jwilder/whoami:latest", "busybox:1.36"} <= rows.keys()
        assert rows["busybox:1.36"]["RepoTags"] == ["busybox:1.36", "busybox:latest"]
        shown = await client.get("/images/docker.io/library/nginx:1.27/json")
        assert shown["Id"] == rows["nginx:latest"]["Id"]
        assert shown["Config"]["ExposedPorts"] == {"80/tcp": {}}
        assert (await client.get(f"/images/{shown['Id'][7:19]}/json"))["Id"] == shown["Id"]
        [row] = await client.get("/images/json", filters={"reference": ["nginx"]})
        assert row["RepoTags"] == ["nginx:latest"]
        assert await client.refused("GET", "/images/nope/json") == (404, "No such image: nope:latest")

    in_lab(scene)


def test_pulled_image_shows_its_progress_and_one_in_use_is_up_to_date(in_lab: Play) -> None:
    async def scene(lab: Lab) -> None:
        client = lab[MANAGER]

        async def pulled(name: str, tag: str) -> list[str]:
            data = await client.text("POST", "/images/create", fromImage=name, tag=tag)
            return [json.loads(line)["status"] for line in data.splitlines()]

        said = await pulled("nginx", "1.27")
        assert said[0] == "Pulling from library/nginx" and "Pull complete" in said
        assert said[-1] == "Status: Downloaded newer image for nginx:1.27"
        await client.run("sleep", "1000", name="box")
        assert (await pulled("busybox", "latest"))[-1] == "Status: Image is up to date for busybox:latest"

    in_lab(scene)


def test_unknown_image_is_denied_as_the_registry_denies_it(in_lab: Play) -> None:
    async def scene(lab: Lab) -> None:
        refusal = await lab[MANAGER].refused("POST", "/images/create", fromImage="nope", tag="latest")
        assert refusal == (
            404,
            "pull access denied for nope, repository does not exist or may require 'docker login': "
            "denied: requested access to the resource is denied",
        )
        assert (await lab[MANAGER].refused("DELETE", "/images/nginx"))[0] == 501

    in_lab(scene)
