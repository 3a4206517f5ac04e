"""Sockets that take DNS questions, opened in whichever network namespace, watched from one event loop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from ipaddress import IPv4Address
from typing import TypeAlias

Enter: TypeAlias = Callable[[], AbstractContextManager[object]]
"""Takes the calling thread into a namespace for as long as the block lasts: ``NetNamespace.entered``."""

Reply: TypeAlias = Callable[[bytes], None]

Handler: TypeAlias = Callable[[bytes, bool, Reply], None]
"""Takes one message, whether it came by TCP, and what sends the reply, now or later; it may come to nothing."""

IDLE = 8.0
"""Seconds after which a connection that says nothing is closed, as Docker's DNS server does."""

_BACKLOG = 128
_LONGEST_MESSAGE = 65535
_AT_ONCE = 64
"""Datagrams read before others have their turn."""


class Listener:
    """Listens by UDP and TCP from the start, until it is closed. Belongs to the event loop's thread.

    Raises ``OSError`` when a port can't be had.
    """

    def __init__(self, enter: Enter, address: IPv4Address, udp: int, tcp: int, handle: Handler) -> None:
        self._handle = handle
        self._loop = asyncio.get_running_loop()
        self._connections: set[_Connection] = set()
        with enter():
            self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
            self._tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            self._tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._udp.bind((str(address), udp))
            self._tcp.bind((str(address), tcp))
            self._tcp.listen(_BACKLOG)
        except OSError:
            self._udp.close()
            self._tcp.close()
            raise
        self._loop.add_reader(self._udp, self._read)
        self._loop.add_reader(self._tcp, self._accept)

    def close(self) -> None:
        """Listen no more, and end every connection. Replies that come later go nowhere."""
        for opened in (self._udp, self._tcp):
            self._loop.remove_reader(opened)
            opened.close()
        for connection in tuple(self._connections):
            connection.abort()

    def _read(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                data, client = self._udp.recvfrom(_LONGEST_MESSAGE)
            except BlockingIOError:
                return
            except OSError:  # an earlier reply came to a closed port: the next datagram may be good
                continue
            self._handle(data, False, self._reply_to(client))

    def _reply_to(self, client: tuple[str, int]) -> Reply:
        def reply(message: bytes) -> None:
            with suppress(OSError):  # closed meanwhile, or no room: a datagram that is lost, as datagrams are
                self._udp.sendto(message, client)

        return reply

    def _accept(self) -> None:
        with suppress(OSError):  # whoever came is gone again
            accepted, _ = self._tcp.accept()
            connection = _Connection(self._handle, self._connections)
            connection.opening = self._loop.create_task(
                self._loop.connect_accepted_socket(lambda: connection, accepted)  # takes the socket over
            )


class _Connection(asyncio.Protocol):
    """One client's connection: messages with their length before each."""

    opening: asyncio.Task[tuple[asyncio.Transport, asyncio.Protocol]]

    def __init__(self, handle: Handler, opened: set[_Connection]) -> None:
        self._handle = handle
        self._opened = opened
        self._received = bytearray()
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        opened.add(self)

    def abort(self) -> None:
        if self._transport is None:
            self.opening.cancel()
        else:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._opened.discard(self)
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        self._received += data
        while len(self._received) >= 2:
            end = 2 + int.from_bytes(self._received[:2], "big")
            if len(self._received) < end:
                break
            message = bytes(self._received[2:end])
            del self._received[:end]
            self._handle(message, True, self._reply)
        self._wait()

    def _wait(self) -> None:
        assert self._transport is not None
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(IDLE, self._transport.abort)

    def _reply(self, message: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(len(message).to_bytes(2, "big") + message)
