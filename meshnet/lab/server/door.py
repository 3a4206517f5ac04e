"""The way to the lab for who is inside: a socket in its own ``/run``, seen from every node and from nowhere else."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from meshnet.lab.control.rendezvous import INSIDE, may_speak
from meshnet.lab.server.link import Channel, Link


async def open_door(on_open: Callable[[Channel], None]) -> None:
    """Take clients for as long as the event loop runs; ``on_open`` is called with each of their channels."""
    loop = asyncio.get_running_loop()
    INSIDE.parent.mkdir(parents=True, exist_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    listener.bind(str(INSIDE))
    listener.listen()

    def come_in() -> None:
        connection, _ = listener.accept()
        if not may_speak(connection):
            connection.close()
            return
        links: list[Link] = []
        links.append(Link(connection.detach(), on_open, lambda: links[0].close()))

    loop.add_reader(listener, come_in)
