"""Workloads that are servers in the lab's own process.

A socket stays in the namespace it was opened in, so one process serves them all: it opens each task's listening socket
inside the task's network namespace and watches it from its one event loop.
"""

from __future__ import annotations

import asyncio
import signal
import socket
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping

from meshnet.errors import LabError
from meshnet.lab.workloads.http import HttpConnection, Request, client_of
from meshnet.lab.workloads.task import TaskContext

_BACKLOG = 1024

Say = Callable[[str], None]

_ENDING: Mapping[int, int] = {
    signal.SIGHUP: 0,
    signal.SIGINT: 0,
    signal.SIGQUIT: 0,
    signal.SIGTERM: 0,
    signal.SIGKILL: 128 + signal.SIGKILL,
}
"""The exit status that a signal leads to."""


class _Served(ABC):
    """Listens on ``port``, or on the one that the task's environment variable ``port_variable`` says."""

    def __init__(self, port: int, text: str, port_variable: str | None = None) -> None:
        self._port = port
        self._text = text
        self._port_variable = port_variable

    async def start(self, task: TaskContext) -> RunningServer:
        """Listen on all the task's addresses. Raises ``LabError`` when the port can't be had."""
        port = self._port_of(task)
        open_ones: set[asyncio.Transport] = set()
        text = filled(self._text, task)
        listening = _listen(task, port)
        loop = asyncio.get_running_loop()
        console = task.console
        console.begin()
        server = await loop.create_server(
            lambda: self._connection(text, open_ones, console.say), sock=listening, backlog=_BACKLOG, start_serving=True
        )
        return RunningServer(server, open_ones, task)

    @abstractmethod
    def _connection(self, text: str, open_ones: set[asyncio.Transport], say: Say) -> asyncio.Protocol:
        """What answers one client; ``say`` takes a line about it for the task's log."""

    def _port_of(self, task: TaskContext) -> int:
        text = task.env.get(self._port_variable, "") if self._port_variable else ""
        if not text:
            return self._port
        if not text.isdecimal() or not 0 < int(text) < 65536:
            raise LabError(f"task {task.task_name}: {self._port_variable} must be a port number, not {text!r}")
        return int(text)


class HttpWorkload(_Served):
    """Answers every HTTP request with its text."""

    def _connection(self, text: str, open_ones: set[asyncio.Transport], say: Say) -> asyncio.Protocol:
        return HttpConnection(lambda request: _with_request(text, request), open_ones, say)


class BannerWorkload(_Served):
    """Says its text to whoever connects, and keeps the connection until they close it."""

    def _connection(self, text: str, open_ones: set[asyncio.Transport], say: Say) -> asyncio.Protocol:
        return _Banner(text, open_ones, say)


class RunningServer:
    """A served workload that has started. Everything is called in the event loop's thread."""

    pid = 0

    def __init__(self, server: asyncio.Server, open_ones: set[asyncio.Transport], task: TaskContext) -> None:
        self._server = server
        self._open_ones = open_ones
        self._task = task
        self._stopped = False

    def signal(self, number: int) -> None:
        """Those that ask a server to end do so, in good order or not; it minds no others."""
        status = _ENDING.get(number)
        if status is not None and not self._stopped:
            self.stop()
            asyncio.get_running_loop().call_soon(self._task.on_exit, status)

    def stop(self) -> None:
        """Close the listening socket and every connection."""
        self._stopped = True
        self._server.close()
        for transport in tuple(self._open_ones):
            transport.abort()
        self._task.console.end()


class _Banner(asyncio.Protocol):
    def __init__(self, text: str, open_ones: set[asyncio.Transport], say: Say) -> None:
        self._text = text
        self._open_ones = open_ones
        self._say = say

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._open_ones.add(transport)
        transport.write(self._text.encode())
        self._say(f"connection from {client_of(transport)}")

    def connection_lost(self, exc: Exception | None) -> None:
        self._open_ones.discard(self._transport)


def filled(text: str, task: TaskContext) -> str:
    """``text`` with the task's names put in; ``{request}`` is left for each request."""
    names = {"image": task.image, "container": task.hostname, "node": task.node_name, "task": task.task_name}
    for name, value in names.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def _with_request(text: str, request: Request) -> str:
    return text.replace("{request}", request.line)


def _listen(task: TaskContext, port: int) -> socket.socket:
    try:
        with task.namespace.entered():
            listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    except OSError as error:
        raise LabError(f"task {task.task_name}: no socket in its namespace: {error.strerror}") from error
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setblocking(False)
        listening.bind(("0.0.0.0", port))
    except OSError as error:
        listening.close()
        raise LabError(f"task {task.task_name} can't listen on port {port}: {error.strerror}") from error
    return listening
