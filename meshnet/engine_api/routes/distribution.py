"""What the registry would say of an image: the docker client asks before it makes a service of it."""

from __future__ import annotations

from aiohttp import web

from meshnet.engine_api import images
from meshnet.engine_api.answers import HttpError, as_json
from meshnet.engine_api.context import context_of

_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


def routes() -> list[web.RouteDef]:
    return [web.get("/distribution/{name:.+}/json", _inspect)]


async def _inspect(request: web.Request) -> web.Response:
    name = request.match_info["name"]
    if context_of(request).engines.catalogue.entry(name) is None:
        raise HttpError(
            401, "errors:\ndenied: requested access to the resource is denied\nunauthorized: authentication required\n"
        )
    return as_json(
        {
            "Descriptor": {"mediaType": _MANIFEST, "digest": images.digest(name), "size": 1},
            "Platforms": [{"architecture": "amd64", "os": "linux"}],
        }
    )
