"""The Engine API as a lab's face: ``/var/run/docker.sock`` on every node.

The sockets are there as soon as the nodes are. What serves them takes a second to import in user-mode Linux: that
waits for the first client, or until the lab has nothing better to do.
"""

from __future__ import annotations

import asyncio
import socket
import sys
import traceback
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from meshnet.lab.engines import Engines
from meshnet.lab.net.inside import Inside, run
from meshnet.lab.net.interior import Interior

SOCKET = Path("/var/run/docker.sock")
"""Where clients look for it. ``/run`` is all nodes' own together, so that it is a link into a folder of each node's."""

_OWN = Path("/run/docker/docker.sock")
_BACKLOG = 1024


def open_sockets(engines: Engines, nodes: Mapping[str, Interior]) -> None:
    """Listen on every node; serve once somebody knocks."""
    _Door(engines, {name: _listening(node) for name, node in nodes.items()}).wait()


def _listening(node: Interior) -> socket.socket:
    def bind() -> socket.socket:
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listening.setblocking(False)
        listening.bind(str(_OWN))
        _OWN.chmod(0o660)
        listening.listen(_BACKLOG)
        if not SOCKET.is_symlink():
            SOCKET.symlink_to(_OWN)
        return listening

    return run(Inside(mount=node.mount), bind)


class _Door:
    """The sockets while nobody serves them."""

    def __init__(self, engines: Engines, sockets: Mapping[str, socket.socket]) -> None:
        self._engines = engines
        self._sockets = sockets
        self._loop = asyncio.get_running_loop()
        self._serving: asyncio.Task[None] | None = None

    def wait(self) -> None:
        for listening in self._sockets.values():
            self._loop.add_reader(listening, self._knocked)

    def _knocked(self) -> None:
        for listening in self._sockets.values():
            self._loop.remove_reader(listening)
        self._serving = self._loop.create_task(self._serve())

    async def _serve(self) -> None:
        try:
            serve = await asyncio.to_thread(_imported)
            await serve(self._engines, self._sockets)
        except Exception:  # clients would wait for ever without a word: the lab's log has it
            traceback.print_exc(file=sys.stderr)
            raise


def _imported() -> Callable[[Engines, Mapping[str, socket.socket]], Awaitable[object]]:
    from meshnet.engine_api.serve import serve

    return serve
