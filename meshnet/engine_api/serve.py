"""Serving every node's engine on its socket, in the running event loop."""

from __future__ import annotations

import socket
from collections.abc import Mapping

from aiohttp import web

from meshnet.engine_api.app import make_app
from meshnet.engine_api.context import Context
from meshnet.engine_api.notices import Hub
from meshnet.engine_api.routes import all_routes
from meshnet.engine_api.streams import StreamRunner
from meshnet.lab.engines import Engines

_LONGEST_HEAD = 1024 * 1024
"""Bytes, as Go's server has it: clients put every id they ask about into the path's filters."""


async def serve(engines: Engines, sockets: Mapping[str, socket.socket]) -> list[StreamRunner]:
    """Serve each machine on the socket that listens there. It goes on until the runners are cleaned up, or for ever."""
    hub = Hub(engines)
    runners = []
    for machine, listening in sockets.items():
        app = make_app(Context(engines, machine, hub), all_routes())
        runner = StreamRunner(
            app,
            access_log=None,
            handle_signals=False,
            shutdown_timeout=1.0,
            max_line_size=_LONGEST_HEAD,
            max_field_size=_LONGEST_HEAD,
        )
        await runner.setup()
        await web.SockSite(runner, listening).start()
        runners.append(runner)
    return runners
