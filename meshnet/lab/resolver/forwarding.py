"""Questions that the embedded resolver can't answer, taken to other name servers out of the asker's own namespace.

So they take the asker's way out, ``docker_gwbridge`` and its masquerading; on an internal network there is none.
libnetwork resolver.go ServeDNS.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address

from meshnet.lab.resolver.listening import Enter

PATIENCE = 4.0
"""Seconds that each upstream server has."""

MOST_UPSTREAMS = 3
_LONGEST_MESSAGE = 65535


@dataclass(frozen=True, slots=True)
class Upstream:
    """Another name server."""

    address: IPv4Address
    port: int = 53


async def forward(query: bytes, *, tcp: bool, upstreams: Sequence[Upstream], enter: Enter) -> bytes | None:
    """The first upstream's reply that is one, as it came; None when all of them failed, refused or kept silent.

    It is asked by the protocol that the resolver was asked by, and may be truncated.
    """
    from meshnet.lab.resolver import wire

    for upstream in upstreams[:MOST_UPSTREAMS]:
        try:
            async with asyncio.timeout(PATIENCE):
                reply = await (_by_tcp if tcp else _by_udp)(query, upstream, enter)
        except (OSError, EOFError):  # TimeoutError is one
            continue
        if wire.rcode(reply) not in (wire.Rcode.SERVFAIL, wire.Rcode.REFUSED):
            return reply
    return None


async def _by_udp(query: bytes, upstream: Upstream, enter: Enter) -> bytes:
    from meshnet.lab.resolver import wire

    loop = asyncio.get_running_loop()
    with _socket(socket.SOCK_DGRAM, enter) as asking:
        await loop.sock_connect(asking, (str(upstream.address), upstream.port))
        await loop.sock_sendall(asking, query)
        while not wire.replies_to(reply := await loop.sock_recv(asking, _LONGEST_MESSAGE), query):
            pass  # somebody else's, or one that came too late
        return reply


async def _by_tcp(query: bytes, upstream: Upstream, enter: Enter) -> bytes:
    from meshnet.lab.resolver import wire

    loop = asyncio.get_running_loop()
    with _socket(socket.SOCK_STREAM, enter) as asking:
        await loop.sock_connect(asking, (str(upstream.address), upstream.port))
        await loop.sock_sendall(asking, len(query).to_bytes(2, "big") + query)
        reply = await _exactly(asking, int.from_bytes(await _exactly(asking, 2), "big"))
    if not wire.replies_to(reply, query):
        raise EOFError
    return reply


async def _exactly(source: socket.socket, size: int) -> bytes:
    received = b""
    while len(received) < size:
        more = await asyncio.get_running_loop().sock_recv(source, size - len(received))
        if not more:
            raise EOFError
        received += more
    return received


def _socket(kind: socket.SocketKind, enter: Enter) -> socket.socket:
    with enter():
        return socket.socket(socket.AF_INET, kind | socket.SOCK_NONBLOCK)
