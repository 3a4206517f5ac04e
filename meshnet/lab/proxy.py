"""What listens on published ports in a node's own namespace: ``docker-proxy``, and sockets that only keep a port.

``mesh.proxies`` says which there are. As libnetwork cmd/proxy has it: a connection is carried byte by byte, each
direction to its own end; datagrams by client, and who sent none back for a while is forgotten.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, suppress

from meshnet.mesh.proxy import Proxy, ProxyKind
from meshnet.model import Protocol

Enter = Callable[[], AbstractContextManager[None]]
"""Takes the calling thread into the node's namespace for as long as the block lasts: ``NetNamespace.entered``."""

ANY = "0.0.0.0"
FORGET_AFTER = 90.0
"""Seconds without an answer after which a datagram client is forgotten, as docker-proxy does."""

_BACKLOG = 1024
_CHUNK = 65536
_LONGEST_DATAGRAM = 65507

_KINDS = {Protocol.TCP: socket.SOCK_STREAM, Protocol.UDP: socket.SOCK_DGRAM}


class Proxies:
    """Those of one node. Everything is called in the event loop's thread."""

    def __init__(self, enter: Enter) -> None:
        self._enter = enter
        self._open: dict[Proxy, _Listener] = {}

    async def follow(self, wanted: Iterable[Proxy]) -> dict[Proxy, str]:
        """Close what is not wanted any more, with the connections it carries, then open what is new.

        Returns what could not be opened and why (``Address already in use``); the next call tries it again.
        """
        wanted = set(wanted)
        for proxy in [proxy for proxy in self._open if proxy not in wanted]:
            self._open.pop(proxy).close()
        refused = {}
        for proxy in sorted(wanted - set(self._open), key=lambda proxy: (proxy.kind, proxy.protocol, proxy.port)):
            try:
                self._open[proxy] = await self._start(proxy)
            except OSError as error:
                refused[proxy] = error.strerror or str(error)
        return refused

    async def _start(self, proxy: Proxy) -> _Listener:
        listening = self._listen(proxy)
        if proxy.kind is ProxyKind.PLACEHOLDER:
            return _Placeholder(listening)
        if proxy.protocol is Protocol.UDP:
            return _DatagramRelay(listening, proxy, self._socket)
        relay = _StreamRelay(proxy, self._socket)
        await relay.start(listening)
        return relay

    def _listen(self, proxy: Proxy) -> socket.socket:
        listening = self._socket(_KINDS[proxy.protocol])
        try:
            if proxy.protocol is Protocol.TCP:
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind((ANY, proxy.port))
            if proxy.protocol is Protocol.TCP:
                listening.listen(_BACKLOG)  # only now does the kernel tell whether somebody else listens
        except OSError:
            listening.close()
            raise
        return listening

    def _socket(self, kind: socket.SocketKind) -> socket.socket:
        with self._enter():
            opened = socket.socket(socket.AF_INET, kind)
        opened.setblocking(False)
        return opened


NewSocket = Callable[[socket.SocketKind], socket.socket]


class _Listener(ABC):
    @abstractmethod
    def close(self) -> None:
        """Listen no more, and end what is being carried."""


class _Placeholder(_Listener):
    """Keeps a port from others: dockerd's own socket, on which it never accepts."""

    def __init__(self, listening: socket.socket) -> None:
        self._listening = listening

    def close(self) -> None:
        self._listening.close()


class _StreamRelay(_Listener):
    def __init__(self, proxy: Proxy, new_socket: NewSocket) -> None:
        self._target = (str(proxy.target), proxy.target_port)
        self._new_socket = new_socket
        self._server: asyncio.Server
        self._carrying: set[asyncio.Task[None]] = set()

    async def start(self, listening: socket.socket) -> None:
        self._server = await asyncio.start_server(self._accepted, sock=listening, backlog=_BACKLOG)

    def close(self) -> None:
        self._server.close()
        for task in self._carrying:
            task.cancel()

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._carry(reader, writer))
        self._carrying.add(task)
        task.add_done_callback(self._carrying.discard)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until both sides have said all; when one breaks, so does the other."""
        async with contextlib.AsyncExitStack() as opened:
            opened.callback(writer.transport.abort)
            with suppress(OSError):  # nobody there, or gone: whoever asked sees the connection end
                far_reader, far_writer = await self._connect()
                opened.callback(far_writer.transport.abort)
                await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))
                await _finish(writer)
                await _finish(far_writer)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        outgoing = self._new_socket(socket.SOCK_STREAM)
        try:
            await asyncio.get_running_loop().sock_connect(outgoing, self._target)
            return await asyncio.open_connection(sock=outgoing)
        except BaseException:  # cancelled, too
            outgoing.close()
            raise


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """All that ``source`` says, no faster than ``sink`` takes it; then ``sink`` hears that there is no more."""
    while data := await source.read(_CHUNK):
        sink.write(data)
        await sink.drain()
    sink.write_eof()


async def _finish(writer: asyncio.StreamWriter) -> None:
    """Let what is written go out before the connection is closed."""
    writer.close()
    await writer.wait_closed()


class _DatagramRelay(_Listener):
    def __init__(self, listening: socket.socket, proxy: Proxy, new_socket: NewSocket) -> None:
        self._listening = listening
        self._target = (str(proxy.target), proxy.target_port)
        self._new_socket = new_socket
        self._clients: dict[tuple[str, int], _DatagramClient] = {}
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(listening, self._from_client)

    def close(self) -> None:
        self._loop.remove_reader(self._listening)
        self._listening.close()
        for client in list(self._clients.values()):
            client.close()

    def _from_client(self) -> None:
        with suppress(OSError):  # what can't be carried is lost, as datagrams are
            data, address = self._listening.recvfrom(_LONGEST_DATAGRAM)
            if address not in self._clients:
                self._clients[address] = self._client(address)
            self._clients[address].outgoing.send(data)

    def _client(self, address: tuple[str, int]) -> _DatagramClient:
        outgoing = self._new_socket(socket.SOCK_DGRAM)
        try:
            outgoing.connect(self._target)
        except OSError:
            outgoing.close()
            raise
        return _DatagramClient(
            outgoing,
            answer=lambda data: self._listening.sendto(data, address),
            forget=lambda: self._clients.pop(address),
        )


class _DatagramClient:
    """One client, and the socket that stands for it before the container."""

    def __init__(
        self, outgoing: socket.socket, answer: Callable[[bytes], object], forget: Callable[[], object]
    ) -> None:
        self.outgoing = outgoing
        self._answer = answer
        self._forget = forget
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(outgoing, self._from_container)
        self._timer = self._loop.call_later(FORGET_AFTER, self.close)

    def close(self) -> None:
        self._timer.cancel()
        self._loop.remove_reader(self.outgoing)
        self.outgoing.close()
        self._forget()

    def _from_container(self) -> None:
        with suppress(OSError):  # nobody listens there (yet): it may by the next one
            self._answer(self.outgoing.recv(_LONGEST_DATAGRAM))
            self._timer.cancel()
            self._timer = self._loop.call_later(FORGET_AFTER, self.close)
