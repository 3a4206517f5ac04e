"""``_ping``, ``version`` and ``info``: what an engine says of itself."""

from __future__ import annotations

import os

from aiohttp import web

from meshnet.engine_api import info
from meshnet.engine_api.answers import as_json
from meshnet.engine_api.app import API_VERSION, OLDEST_API_VERSION, api_text, engine_headers, version_of
from meshnet.engine_api.context import context_of
from meshnet.engine_api.engine_version import of_generation


def routes() -> list[web.RouteDef]:
    return [
        web.get("/_ping", _ping),
        web.get("/version", _version),
        web.get("/info", _info),
    ]


async def _ping(request: web.Request) -> web.Response:
    node = context_of(request).node
    swarm = f"active/{'manager' if node.manages else 'worker'}" if node.member else "inactive"
    headers = {
        **engine_headers(request),
        "Swarm": swarm,
        "Builder-Version": "1",
        "Cache-Control": "no-cache, no-store, must-revalidate",
        "Pragma": "no-cache",
    }
    return web.Response(text="OK" if request.method == "GET" else "", headers=headers)


async def _version(request: web.Request) -> web.Response:
    version = of_generation(context_of(request).node.generation)
    kernel = os.uname().release
    return as_json(
        {
            "Platform": {"Name": "meshnet"},
            "Components": [
                {
                    "Name": "Engine",
                    "Version": version,
                    "Details": {
                        "ApiVersion": api_text(API_VERSION),
                        "Arch": "amd64",
                        "BuildTime": "2018-04-26T00:00:00.000000000+00:00",
                        "Experimental": "false",
                        "GitCommit": "meshnet",
                        "GoVersion": "none",
                        "KernelVersion": kernel,
                        "MinAPIVersion": api_text(OLDEST_API_VERSION),
                        "Os": "linux",
                    },
                }
            ],
            "Version": version,
            "ApiVersion": api_text(API_VERSION),
            "MinAPIVersion": api_text(OLDEST_API_VERSION),
            "GitCommit": "meshnet",
            "GoVersion": "none",
            "Os": "linux",
            "Arch": "amd64",
            "KernelVersion": kernel,
            "BuildTime": "2018-04-26T00:00:00.000000000+00:00",
        }
    )


async def _info(request: web.Request) -> web.Response:
    return as_json(info.of(context_of(request), version_of(request)))
