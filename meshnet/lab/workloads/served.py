"""Workloads that are servers in the lab's own process.

A socket stays in the namespace it was opened in, so one process serves them all: it opens each task's listening socket
inside the task's network namespace and watches it from its one event loop.
"""

from __future__ import annotations

import asyncio
import signal
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping

from meshnet.lab.workloads.http import HttpConnection, Request, client_of
from meshnet.lab.workloads.listening import BACKLOG, asked_port, bound
from meshnet.lab.workloads.task import TaskContext

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
        open_ones: set[asyncio.Transport] = set()
        text = filled(self._text, task)
        listening = bound(task, asked_port(task, self._port, self._port_variable))
        loop = asyncio.get_running_loop()
        console = task.console
        console.begin()
        server = await loop.create_server(
            lambda: self._connection(text, open_ones, console.say), sock=listening, backlog=BACKLOG, start_serving=True
        )

        def close() -> None:
            server.close()
            for transport in tuple(open_ones):
                transport.abort()

        return RunningServer(task, close)

    @abstractmethod
    def _connection(self, text: str, open_ones: set[asyncio.Transport], say: Say) -> asyncio.Protocol:
        """What answers one client; ``say`` takes a line about it for the task's log."""


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

    def __init__(self, task: TaskContext, close: Callable[[], None]) -> None:
        """``close`` closes what it listens on, and every connection; it is called once."""
        self._task = task
        self._close = close
        self._stopped = False

    def signal(self, number: int) -> None:
        """Those that ask a server to end do so, in good order or not; it minds no others."""
        status = _ENDING.get(number)
        if status is not None and not self._stopped:
            self.stop()
            asyncio.get_running_loop().call_soon(self._task.on_exit, status)

    def stop(self) -> None:
        """Close the listening sockets and every connection."""
        if self._stopped:
            return
        self._stopped = True
        self._close()
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
