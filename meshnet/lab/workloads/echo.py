"""A server that gives back what it's sent (RFC 862), by UDP, TCP and SCTP: what the mesh is tried out with.

It is served by the lab's own process, as ``served`` says.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from ipaddress import IPv4Address

from meshnet.errors import LabError
from meshnet.lab.workloads.listening import BACKLOG, asked_port, bind, bound, opened
from meshnet.lab.workloads.served import RunningServer, Say
from meshnet.lab.workloads.task import TaskContext

LONGEST = 65535
"""Bytes; no datagram is longer."""

_CHUNK = 256 * 1024  # of a stream; an SCTP message that is longer comes in parts, and goes back in as many
_AT_ONCE = 64  # datagrams answered before others have their turn
_REST = 1.0  # seconds that nobody is let in when the lab has no descriptors left

_IP_PKTINFO = 8  # linux/in.h; socket has no name for it
_PKTINFO = struct.Struct("=I4s4s")  # struct in_pktinfo: interface, the local address it's for, the header's destination


class EchoWorkload:
    """Listens on ``port``, or on the one that the task's environment variable ``port_variable`` says."""

    def __init__(self, port: int, port_variable: str | None = None) -> None:
        self._port = port
        self._port_variable = port_variable

    async def start(self, task: TaskContext) -> RunningServer:
        """Listen on all the task's addresses. Raises ``LabError`` when the port can't be had."""
        port = asked_port(task, self._port, self._port_variable)
        say = task.console.say
        streams = bound(task, port)
        try:
            datagrams = bound(task, port, socket.SOCK_DGRAM)
        except LabError:
            streams.close()
            raise
        task.console.begin()
        closing = [_Datagrams(datagrams, say).close, _Connections(streams, "TCP", say).close]
        try:
            closing.append(_Connections(_sctp(task, port), "SCTP", say).close)
        except OSError as error:
            say(f"no SCTP here: {error.strerror}")
        return RunningServer(task, lambda: _each(closing))


def _each(calls: list[Callable[[], None]]) -> None:
    for call in calls:
        call()


def _sctp(task: TaskContext, port: int) -> socket.socket:
    """The kernel loads its module for the first one. Raises ``OSError`` where there is none, or the port is taken."""
    made = opened(task, socket.SOCK_STREAM, socket.IPPROTO_SCTP)
    try:
        bind(made, port)
    except OSError:
        made.close()
        raise
    return made


class _Datagrams:
    """Answers every datagram on a bound UDP socket, which is this object's from now on.

    A task has several addresses, and VIPs. An answer has to come from the one that was asked, as its client and the
    connection tracking on the way know no other; by itself the kernel would take that of the interface it leaves by.
    """

    def __init__(self, sock: socket.socket, say: Say) -> None:
        sock.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
        self._socket = sock
        self._say = say
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(sock.fileno(), self._answer_some)

    def close(self) -> None:
        self._loop.remove_reader(self._socket.fileno())
        self._loop.remove_writer(self._socket.fileno())
        self._socket.close()

    def _answer_some(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                data, control, _, client = self._socket.recvmsg(LONGEST, socket.CMSG_SPACE(_PKTINFO.size))
            except BlockingIOError:
                return
            self._say(f"{len(data)} bytes from {client[0]} by UDP")
            if not self._answered(data, asked(control), client):
                return

    def _answered(self, data: bytes, here: IPv4Address, client: tuple[str, int]) -> bool:
        """Whether it's gone, or can't go at all; False when it waits for room in the socket's buffer."""
        try:
            self._socket.sendmsg([data], [answering_from(here)], 0, client)
        except BlockingIOError:  # what a slow link holds back counts as in the buffer
            self._loop.remove_reader(self._socket.fileno())
            self._loop.add_writer(self._socket.fileno(), self._resume, data, here, client)
            return False
        except OSError as error:
            self._say(f"no answer to {client[0]}: {error.strerror}")
        return True

    def _resume(self, data: bytes, here: IPv4Address, client: tuple[str, int]) -> None:
        self._loop.remove_writer(self._socket.fileno())
        if self._answered(data, here, client):
            self._loop.add_reader(self._socket.fileno(), self._answer_some)


Control = tuple[int, int, bytes]
"""A control message: its level, its kind and what it says."""


def asked(control: list[Control]) -> IPv4Address:
    """The local address that a datagram was for, from what came with it; of a broadcast one of the interface's."""
    (said,) = (said for level, kind, said in control if (level, kind) == (socket.IPPROTO_IP, _IP_PKTINFO))
    _, here, _ = _PKTINFO.unpack(said)
    return IPv4Address(here)


def answering_from(here: IPv4Address) -> Control:
    """What makes a datagram leave from that address, by whatever interface the routes say."""
    return socket.IPPROTO_IP, _IP_PKTINFO, _PKTINFO.pack(0, here.packed, bytes(4))


class _Connections:
    """Takes every connection to a bound socket, which is this object's from now on."""

    def __init__(self, listening: socket.socket, protocol: str, say: Say) -> None:
        listening.listen(BACKLOG)
        self._listening = listening
        self._protocol = protocol
        self._say = say
        self._open: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()
        self._resting: asyncio.TimerHandle | None = None
        self._open_door()

    def close(self) -> None:
        if self._resting:
            self._resting.cancel()
        self._loop.remove_reader(self._listening.fileno())
        self._listening.close()
        for connection in self._open:
            connection.cancel()

    def _open_door(self) -> None:
        self._resting = None
        self._loop.add_reader(self._listening.fileno(), self._accept)

    def _accept(self) -> None:
        try:
            connection, client = self._listening.accept()
        except (BlockingIOError, ConnectionError):  # gone again meanwhile
            return
        except OSError as error:
            self._say(f"no connection by {self._protocol}: {error.strerror}")
            self._loop.remove_reader(self._listening.fileno())
            self._resting = self._loop.call_later(_REST, self._open_door)
            return
        connection.setblocking(False)
        self._say(f"connection from {client[0]} by {self._protocol}")
        serving = self._loop.create_task(echo(connection))
        self._open.add(serving)
        serving.add_done_callback(self._open.discard)


async def echo(connection: socket.socket) -> None:
    """Send back what comes until the client says that it's all, then close. What it doesn't take in is not read."""
    loop = asyncio.get_running_loop()
    with connection:
        try:
            while data := await loop.sock_recv(connection, _CHUNK):
                await loop.sock_sendall(connection, data)
        except OSError:  # the client has gone, or nothing leads there any more
            return
