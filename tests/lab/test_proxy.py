"""What listens on a node's published ports, tried in the namespace that the tests run in."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, nullcontext
from ipaddress import IPv4Address

import pytest

from meshnet.lab import deadlines, proxy
from meshnet.lab.proxy import Proxies
from meshnet.mesh import Proxy, ProxyKind
from meshnet.model import Protocol

HERE = IPv4Address("127.0.0.1")
MUCH = 64 << 20
"""More bytes than all the buffers along the way take."""

ENDED = (ConnectionResetError, asyncio.IncompleteReadError)
"""What reading raises from a connection that the other side has ended, one way or the other."""

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def played(scene: Coroutine[None, None, None]) -> None:
    """Run ``scene`` to its end, which comes soon."""
    asyncio.run(asyncio.wait_for(scene, deadlines.scaled(20)))


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind((str(HERE), 0))
        port: int = probe.getsockname()[1]
        return port


def docker_proxy(target_port: int, protocol: Protocol = Protocol.TCP) -> Proxy:
    kind = socket.SOCK_STREAM if protocol is Protocol.TCP else socket.SOCK_DGRAM
    return Proxy(ProxyKind.DOCKER_PROXY, protocol, free_port(kind), HERE, target_port)


@asynccontextmanager
async def following(*wanted: Proxy) -> AsyncIterator[Proxies]:
    proxies = Proxies(nullcontext)
    assert await proxies.follow(wanted) == {}
    try:
        yield proxies
    finally:
        await proxies.follow(())


@asynccontextmanager
async def container(serve: Serve) -> AsyncIterator[int]:
    """Something that serves connections; its port."""
    server = await asyncio.start_server(serve, str(HERE), 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def count(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Says how much it was told, once it has been told all."""
    writer.write(b"%d" % len(await reader.read()))
    writer.close()
    await writer.wait_closed()


async def ask(port: int, question: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(str(HERE), port)
    writer.write(question)
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


def test_end_of_what_is_said_is_passed_on_and_the_answer_still_comes_back() -> None:
    async def scene() -> None:
        async with container(count) as port:
            wanted = docker_proxy(port)
            async with following(wanted):
                assert await ask(wanted.port, b"x" * 300_000) == b"300000"

    played(scene())


@pytest.mark.thorough
def test_nothing_is_taken_that_the_container_does_not_take() -> None:
    async def scene() -> None:
        listens = asyncio.Event()

        async def hesitate(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await listens.wait()
            await count(reader, writer)

        async with container(hesitate) as port:
            wanted = docker_proxy(port)
            async with following(wanted):
                reader, writer = await asyncio.open_connection(str(HERE), wanted.port)
                telling = asyncio.create_task(tell(writer))
                await asyncio.wait([telling], timeout=1)
                assert not telling.done()
                listens.set()
                await telling
                assert await reader.read() == b"%d" % MUCH
                writer.close()
                await writer.wait_closed()

    async def tell(writer: asyncio.StreamWriter) -> None:
        for _ in range(MUCH >> 20):
            writer.write(bytes(1 << 20))
            await writer.drain()
        writer.write_eof()

    played(scene())


def test_connection_ends_when_nobody_is_behind_the_port() -> None:
    async def scene() -> None:
        wanted = docker_proxy(free_port())
        async with following(wanted):
            reader, writer = await asyncio.open_connection(str(HERE), wanted.port)
            with pytest.raises(ENDED):
                await reader.readexactly(1)
            writer.close()

    played(scene())


def test_port_that_is_not_wanted_any_more_is_free_and_its_connections_end() -> None:
    async def scene() -> None:
        async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"!")
            await reader.read()
            writer.close()

        async with container(wait) as port:
            wanted = docker_proxy(port)
            async with following(wanted) as proxies:
                reader, writer = await asyncio.open_connection(str(HERE), wanted.port)
                assert await reader.readexactly(1) == b"!"
                await proxies.follow(())
                with pytest.raises(ENDED):
                    await reader.readexactly(1)
                writer.close()
                with pytest.raises(ConnectionRefusedError):
                    await asyncio.open_connection(str(HERE), wanted.port)

    played(scene())


def test_port_can_lead_elsewhere_from_one_moment_to_the_next() -> None:
    async def scene() -> None:
        async with container(count) as port:
            wanted = docker_proxy(free_port())
            moved = Proxy(wanted.kind, wanted.protocol, wanted.port, HERE, port)
            async with following(wanted) as proxies:
                assert await proxies.follow([moved]) == {}
                assert await ask(moved.port, b"four") == b"4"

    played(scene())


def test_port_that_somebody_has_is_said_and_taken_once_it_is_free() -> None:
    async def scene() -> None:
        async with container(count) as port:
            wanted = docker_proxy(port)
            proxies = Proxies(nullcontext)
            with socket.create_server((str(HERE), wanted.port)):
                assert await proxies.follow([wanted]) == {wanted: "Address already in use"}
            assert await proxies.follow([wanted]) == {}
            assert await ask(wanted.port, b"") == b"0"
            await proxies.follow(())

    played(scene())


@pytest.mark.parametrize(("protocol", "kind"), [(Protocol.TCP, socket.SOCK_STREAM), (Protocol.UDP, socket.SOCK_DGRAM)])
def test_placeholder_keeps_its_port_from_others(protocol: Protocol, kind: socket.SocketKind) -> None:
    async def scene() -> None:
        kept = Proxy(ProxyKind.PLACEHOLDER, protocol, free_port(kind))
        async with following(kept):
            with socket.socket(socket.AF_INET, kind) as other:
                with pytest.raises(OSError) as refusal:
                    other.bind((str(HERE), kept.port))
                assert refusal.value.errno == errno.EADDRINUSE

    played(scene())


class Datagrams:
    """A client or a container: ``receive`` gives what came and from where."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.bind((str(HERE), 0))
        self.port: int = self.socket.getsockname()[1]

    async def receive(self) -> tuple[bytes, tuple[str, int]]:
        data, address = await asyncio.get_running_loop().sock_recvfrom(self.socket, 1000)
        return data, address

    def send(self, data: bytes, port: int) -> None:
        self.socket.sendto(data, (str(HERE), port))

    def __enter__(self) -> Datagrams:
        return self

    def __exit__(self, *error: object) -> None:
        self.socket.close()


def test_each_datagram_client_gets_its_own_answers() -> None:
    async def scene() -> None:
        with Datagrams() as inside, Datagrams() as one, Datagrams() as other:
            wanted = docker_proxy(inside.port, Protocol.UDP)
            async with following(wanted):
                one.send(b"one", wanted.port)
                other.send(b"other", wanted.port)
                for _ in range(2):
                    data, address = await inside.receive()
                    inside.send(b"hello " + data, address[1])
                assert await one.receive() == (b"hello one", (str(HERE), wanted.port))
                assert await other.receive() == (b"hello other", (str(HERE), wanted.port))

    played(scene())


def test_datagram_reaches_a_container_that_did_not_listen_before() -> None:
    async def scene() -> None:
        port = free_port(socket.SOCK_DGRAM)
        wanted = docker_proxy(port, Protocol.UDP)
        async with following(wanted):
            with Datagrams() as client:
                client.send(b"too early", wanted.port)
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as inside:
                    inside.setblocking(False)
                    inside.bind((str(HERE), port))
                    arrived = asyncio.create_task(asyncio.get_running_loop().sock_recv(inside, 100))
                    while not arrived.done():
                        client.send(b"again", wanted.port)
                        await asyncio.wait([arrived], timeout=0.01)
                    assert arrived.result() in (b"too early", b"again")

    played(scene())


def test_datagram_client_that_gets_no_answers_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proxy, "FORGET_AFTER", 0.01)

    async def scene() -> None:
        with Datagrams() as inside, Datagrams() as client:
            wanted = docker_proxy(inside.port, Protocol.UDP)
            async with following(wanted):
                client.send(b"one", wanted.port)
                _, first = await inside.receive()
                now = first
                while now == first:
                    client.send(b"more", wanted.port)
                    _, now = await inside.receive()

    played(scene())
