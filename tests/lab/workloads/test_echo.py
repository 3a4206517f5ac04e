"""What an echo server says, on this machine's own loopback addresses."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import functools
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from ipaddress import IPv4Address

import pytest

from meshnet.errors import LabError
from meshnet.lab.workloads import TaskContext
from meshnet.lab.workloads.echo import LONGEST, EchoWorkload, answering_from, asked, echo

PATIENCE = 10.0
HERE, THERE = "127.0.0.1", "127.0.0.2"
LONGEST_BY_IP = LONGEST - 28  # its header and UDP's count too


class _Home:
    """The namespace that the tests are in anyway."""

    fd = -1

    def entered(self) -> contextlib.AbstractContextManager[object]:
        return contextlib.nullcontext()


def a_task(port: int) -> TaskContext:
    return TaskContext("meshnet/echo", "t1", "echo.1.t1", "c" * 64, "node", _Home(), env={"PORT": str(port)})


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("0.0.0.0", 0))
        return int(probe.getsockname()[1])


@contextlib.asynccontextmanager
async def served(task: TaskContext) -> AsyncIterator[None]:
    running = await EchoWorkload(7, "PORT").start(task)
    try:
        async with asyncio.timeout(PATIENCE):
            yield
    finally:
        running.stop()
        running.stop()


def in_a_loop(test: Callable[[int], Awaitable[None]]) -> Callable[[], None]:
    """A test with a server on the port it's given."""

    @functools.wraps(test)
    def body() -> None:
        async def main() -> None:
            port = free_port()
            async with served(a_task(port)):
                await test(port)

        asyncio.run(main())

    del body.__wrapped__  # or pytest looks for a fixture of the name port
    return body


def udp() -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.setblocking(False)
    return made


@in_a_loop
async def test_a_datagram_comes_back_from_the_address_it_was_sent_to(port: int) -> None:
    loop = asyncio.get_running_loop()
    with udp() as client:
        client.bind((HERE, 0))
        for address in (HERE, THERE):
            for data in (b"", b"once", b"\xff" * LONGEST_BY_IP):
                await loop.sock_sendto(client, data, (address, port))
                assert await loop.sock_recvfrom(client, LONGEST) == (data, (address, port))


@in_a_loop
async def test_every_datagram_of_a_burst_is_answered_in_turn(port: int) -> None:
    loop = asyncio.get_running_loop()
    burst = [str(number).encode() for number in range(150)]
    with udp() as client:
        client.connect((THERE, port))
        for data in burst:
            client.send(data)
        assert [await loop.sock_recv(client, LONGEST) for _ in burst] == burst


@in_a_loop
async def test_a_stream_comes_back_whole_and_ends_when_the_client_has_said_all(port: int) -> None:
    sent = bytes(range(256)) * 20_000
    reader, writer = await asyncio.open_connection(THERE, port)
    writer.write(sent)
    writer.write_eof()
    assert await reader.read() == sent
    writer.close()


@in_a_loop
async def test_clients_are_answered_side_by_side(port: int) -> None:
    pairs = [await asyncio.open_connection(HERE, port) for _ in range(20)]
    for number, (_, writer) in reversed(list(enumerate(pairs))):
        writer.write(bytes([number]))
    assert [await reader.readexactly(1) for reader, _ in pairs] == [bytes([number]) for number in range(20)]
    for _, writer in pairs:
        writer.close()


def test_what_a_client_does_not_take_back_is_not_read_on() -> None:
    async def main() -> bool:
        loop = asyncio.get_running_loop()
        server, client = socket.socketpair()
        for end in (server, client):
            end.setblocking(False)
        answering = asyncio.create_task(echo(server))
        with client:
            sending = asyncio.create_task(loop.sock_sendall(client, bytes(10_000_000)))
            _, unfinished = await asyncio.wait([sending], timeout=0.1)
            sending.cancel()
        await answering
        return bool(unfinished)

    assert asyncio.run(main())


def test_a_stopped_server_lets_go_of_its_port_and_its_clients() -> None:
    async def main() -> None:
        port = free_port()
        task = a_task(port)
        async with served(task):
            reader, writer = await asyncio.open_connection(HERE, port)
            writer.write(b"x")
            await reader.readexactly(1)
        assert task.console.log.closed
        async with served(a_task(port)):
            assert await reader.read() == b""
        writer.close()

    asyncio.run(main())


def test_what_is_asked_is_in_the_log() -> None:
    async def main() -> list[str]:
        port = free_port()
        task = a_task(port)
        async with served(task):
            with udp() as client:
                client.connect((THERE, port))
                client.send(b"four")
                await asyncio.get_running_loop().sock_recv(client, LONGEST)
            reader, writer = await asyncio.open_connection(THERE, port)
            writer.write_eof()
            await reader.read()
            writer.close()
        return [line.text.decode() async for line in task.console.log.read()]

    assert asyncio.run(main())[-2:] == [f"4 bytes from {HERE} by UDP\n", f"connection from {HERE} by TCP\n"]


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_a_port_that_is_taken_is_an_error_that_names_the_task(kind: socket.SocketKind) -> None:
    with socket.socket(socket.AF_INET, kind) as other:
        other.bind((HERE, 0))
        start = EchoWorkload(7, "PORT").start(a_task(other.getsockname()[1]))
        with pytest.raises(LabError, match=r"^task echo\.1\.t1 can't listen on port \d+: Address already in use$"):
            asyncio.run(start)


def test_a_kernel_without_sctp_is_told_of_and_the_rest_is_served(monkeypatch: pytest.MonkeyPatch) -> None:
    def lacking(*_: object) -> socket.socket:
        raise OSError(errno.EPROTONOSUPPORT, "Protocol not supported")

    monkeypatch.setattr("meshnet.lab.workloads.echo.opened", lacking)

    async def main() -> list[str]:
        task = a_task(port := free_port())
        async with served(task):
            _, writer = await asyncio.open_connection(HERE, port)
            writer.close()
        return [line.text.decode() async for line in task.console.log.read()]

    assert asyncio.run(main())[0] == "no SCTP here: Protocol not supported\n"


def test_the_address_asked_is_the_one_answered_from() -> None:
    level, kind, said = answering_from(IPv4Address("10.0.2.5"))
    assert asked([(0, 1, b"something else"), (level, kind, said)]) == IPv4Address("10.0.2.5")
    assert len(said) == socket.CMSG_LEN(12) - socket.CMSG_LEN(0)
