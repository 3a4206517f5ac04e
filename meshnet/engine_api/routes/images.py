"""``/images``: what of the catalogue there is; pulling it is quick."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Iterator, Sequence
from typing import Any

from aiohttp import web

from meshnet.engine_api import images
from meshnet.engine_api.answers import as_json
from meshnet.engine_api.asked import filters
from meshnet.engine_api.containers.choosing import labelled
from meshnet.engine_api.context import Context, context_of
from meshnet.engine_api.images import Image
from meshnet.engine_api.notices import Notice
from meshnet.errors import Refusal, RefusedError
from meshnet.lab.workloads import image_name
from meshnet.model import short_id
from meshnet.model.ids import derived_id
from meshnet.model.image import tagged

FILTERS = frozenset({"before", "dangling", "label", "reference", "since", "until"})
_LAYERS = 2


async def listing(request: web.Request) -> web.Response:
    context = context_of(request)
    chosen = filters(request, FILTERS)
    rows = []
    for image in images.listed(context.state, context.engines.catalogue):
        references = [one for one in image.references if _matches(one, chosen.get("reference", frozenset()))]
        dangling = {"1", "true"} & chosen.get("dangling", frozenset())
        labels = all(labelled({}, label) for label in chosen.get("label", ()))
        if references and labels and not dangling:
            rows.append(_row(image, references))
    return as_json(rows)


def _matches(reference: str, patterns: frozenset[str]) -> bool:
    name = reference.partition(":")[0]
    return not patterns or any(fnmatch.fnmatchcase(part, asked) for asked in patterns for part in (reference, name))


def _row(image: Image, references: Sequence[str]) -> dict[str, Any]:
    return {
        "Id": images.image_id(image.name),
        "ParentId": "",
        "RepoTags": list(references),
        "RepoDigests": [f"{image.name}@{images.digest(image.name)}"],
        "Created": images.MADE_SECONDS,
        "Size": images.SIZE,
        "SharedSize": -1,
        "Labels": None,
        "Containers": -1,
    }


async def inspect(request: web.Request) -> web.Response:
    image, reference = _found(context_of(request), request.match_info["name"])
    made = image.made
    return as_json(
        {
            "Id": images.image_id(image.name),
            "RepoTags": list(dict.fromkeys([*image.references, reference])),
            "RepoDigests": [f"{image.name}@{images.digest(image.name)}"],
            "Parent": "",
            "Comment": "",
            "Created": images.MADE,
            "DockerVersion": "",
            "Author": "",
            "Config": {
                "User": "",
                "ExposedPorts": {port: {} for port in made.ports},
                "Env": [],
                "Cmd": list(made.command) or None,
                "Volumes": None,
                "WorkingDir": "",
                "Entrypoint": list(made.entrypoint) or None,
                "OnBuild": None,
                "Labels": None,
            },
            "Architecture": "amd64",
            "Os": "linux",
            "Size": images.SIZE,
            "GraphDriver": {"Data": None, "Name": "overlay2"},
            "RootFS": {"Type": "layers", "Layers": [f"sha256:{layer}" for layer in _layers(image.name)]},
            "Metadata": {"LastTagTime": images.MADE},
        }
    )


def _found(context: Context, asked: str) -> tuple[Image, str]:
    found = images.find(images.listed(context.state, context.engines.catalogue), asked)
    if found is None:
        raise RefusedError(f"No such image: {tagged(asked)}", Refusal.NOT_FOUND)
    return found


def _layers(name: str) -> list[str]:
    return [derived_id("layer", name, str(number)) for number in range(_LAYERS)]


async def pull(request: web.Request) -> web.StreamResponse:
    context = context_of(request)
    name = request.query.get("fromImage", "")
    if not name:
        raise RefusedError("images come from the lab's catalogue: they can't be imported", Refusal.UNIMPLEMENTED)
    tag = request.query.get("tag", "")
    reference = name if not tag else f"{name}@{tag}" if tag.startswith("sha256:") else f"{name}:{tag}"
    if image_name(reference) not in context.engines.catalogue.names():
        raise RefusedError(
            f"pull access denied for {image_name(reference)}, repository does not exist or may require "
            "'docker login': denied: requested access to the resource is denied",
            Refusal.NOT_FOUND,
        )
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    for line in _progress(context, reference):
        await response.write(json.dumps(line).encode() + b"\r\n")
    shown = images.familiar(reference)
    context.hub.tell(
        Notice("image", "pull", shown, {"name": image_name(reference)}, "local", context.engines.now(), context.machine)
    )
    return response


def _progress(context: Context, reference: str) -> Iterator[dict[str, Any]]:
    name, tag = image_name(reference), images.tag(reference)
    there = any(images.familiar(used) == images.familiar(reference) for used in images.asked_for(context.state))
    yield {"status": f"Pulling from {name if '/' in name else f'library/{name}'}", "id": tag}
    for layer in [] if there else _layers(name):
        for status in ("Pulling fs layer", "Download complete", "Pull complete"):
            yield {"status": status, "progressDetail": {}, "id": short_id(layer)}
    yield {"status": f"Digest: {images.digest(name)}"}
    what = "Image is up to date" if there else "Downloaded newer image"
    yield {"status": f"Status: {what} for {images.familiar(reference)}"}


async def history(request: web.Request) -> web.Response:
    image, _ = _found(context_of(request), request.match_info["name"])
    return as_json(
        [
            {
                "Id": images.image_id(image.name),
                "Created": images.MADE_SECONDS,
                "CreatedBy": " ".join(image.made.command),
                "Tags": list(image.references),
                "Size": images.SIZE,
                "Comment": "",
            }
        ]
    )


async def keep(request: web.Request) -> web.Response:
    """Nothing is removed or renamed: it would be back at the next request."""
    _found(context_of(request), request.match_info["name"])
    raise RefusedError("the lab's catalogue says which images there are: none can be changed", Refusal.UNIMPLEMENTED)


async def prune(request: web.Request) -> web.Response:
    return as_json({"ImagesDeleted": None, "SpaceReclaimed": 0})


async def unavailable(request: web.Request) -> web.Response:
    raise RefusedError("the lab's catalogue says which images there are: none can be added", Refusal.UNIMPLEMENTED)


def routes() -> list[web.RouteDef]:
    name = "/images/{name:.+}"
    return [
        web.get("/images/json", listing),
        web.post("/images/create", pull),
        web.post("/images/prune", prune),
        web.post("/images/load", unavailable),
        web.get("/images/search", unavailable),
        web.get("/images/get", unavailable),
        web.get(f"{name}/json", inspect),
        web.get(f"{name}/history", history),
        web.get(f"{name}/get", keep),
        web.post(f"{name}/tag", keep),
        web.post(f"{name}/push", keep),
        web.delete(name, keep),
        web.post("/build", unavailable),
        web.post("/build/prune", unavailable),
        web.post("/commit", unavailable),
    ]
