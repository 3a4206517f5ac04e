"""Volumes, plug-ins and what uses the disk: a lab has none of them, and says so."""

from __future__ import annotations

from aiohttp import web

from meshnet.engine_api import images
from meshnet.engine_api.answers import as_json
from meshnet.engine_api.containers import residents, views
from meshnet.engine_api.context import context_of
from meshnet.errors import Refusal, RefusedError


async def usage(request: web.Request) -> web.Response:
    """``docker system df``."""
    context = context_of(request)
    there = list(residents.on(context.state, context.node.id, context.engines.catalogue))
    now = context.engines.now()
    return as_json(
        {
            "LayersSize": 0,
            "Images": [_image(one) for one in images.listed(context.state, context.engines.catalogue)],
            "Containers": [views.summary(context.state, one, now, size=True) for one in there],
            "Volumes": [],
            "BuildCache": [],
        }
    )


def _image(image: images.Image) -> dict[str, object]:
    return {
        "Id": images.image_id(image.name),
        "ParentId": "",
        "RepoTags": list(image.references),
        "RepoDigests": [f"{image.name}@{images.digest(image.name)}"],
        "Created": images.MADE_SECONDS,
        "Size": images.SIZE,
        "SharedSize": 0,
        "Labels": None,
        "Containers": 0,
    }


async def volumes(request: web.Request) -> web.Response:
    return as_json({"Volumes": [], "Warnings": None})


async def no_volume(request: web.Request) -> web.Response:
    raise RefusedError(f"get {request.match_info['name']}: no such volume", Refusal.NOT_FOUND)


async def make_volume(request: web.Request) -> web.Response:
    raise RefusedError("volumes are not available here: a lab has no disks", Refusal.UNIMPLEMENTED)


async def prune_volumes(request: web.Request) -> web.Response:
    return as_json({"VolumesDeleted": [], "SpaceReclaimed": 0})


async def plugins(request: web.Request) -> web.Response:
    return as_json([])


async def no_plugin(request: web.Request) -> web.Response:
    raise RefusedError(f'plugin "{request.match_info["name"]}" not found', Refusal.NOT_FOUND)


def routes() -> list[web.RouteDef]:
    return [
        web.get("/system/df", usage),
        web.get("/volumes", volumes),
        web.post("/volumes/create", make_volume),
        web.post("/volumes/prune", prune_volumes),
        web.get("/volumes/{name}", no_volume),
        web.delete("/volumes/{name}", no_volume),
        web.get("/plugins", plugins),
        web.get("/plugins/{name:.+}/json", no_plugin),
    ]
