"""Asking a name server, the embedded one unless another is given, with dnslib as the client."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from dnslib import QTYPE, DNSRecord

from meshnet.lab import deadlines
from meshnet.mesh import resolver


def question(name: str, kind: str = "A") -> bytes:
    return bytes(DNSRecord.question(name, kind).pack())


async def by_udp(message: bytes, port: int, address: str = "") -> bytes:
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as asking:
        await loop.sock_connect(asking, (address or str(resolver.ADDRESS), port))
        await loop.sock_sendall(asking, message)
        async with asyncio.timeout(deadlines.scaled(10)):
            return await loop.sock_recv(asking, 65535)


async def by_tcp(message: bytes, port: int, address: str = "") -> bytes:
    async with asyncio.timeout(deadlines.scaled(10)):
        reader, writer = await asyncio.open_connection(address or str(resolver.ADDRESS), port)
        writer.write(len(message).to_bytes(2, "big") + message)
        reply = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
        writer.close()
        await writer.wait_closed()
        return reply


def parsed(reply: bytes) -> Any:
    return DNSRecord.parse(reply)


def given(reply: bytes) -> list[tuple[str, str]]:
    """The records of a reply: type and value."""
    return [(str(QTYPE.get(record.rtype)), str(record.rdata)) for record in parsed(reply).rr]
