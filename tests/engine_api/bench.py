"""Engines without a lab: a swarm on paper that does at once what it is told, served on unix sockets.

Containers have no processes. A program that is started in one is ``cat`` here, whatever it should have been; one called
``missing`` can't be started.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from meshnet.engine_api.serve import serve
from meshnet.errors import RefusedError
from meshnet.lab.engines import ContainerProcess
from meshnet.lab.programs import Client, FailedStart, Spawner
from meshnet.lab.workloads import Catalogue
from meshnet.lab.workloads.entering import ContainerProgram
from meshnet.lab.workloads.logs import LogBuffer, LogQuery
from meshnet.model import ClusterState, ContainerId
from meshnet.orchestrator import Command, settled, step
from meshnet.orchestrator.commands import ContainerExited, StopContainer
from tests.engine_api import described
from tests.orchestrator.swarms import MANAGER, swarm

Listener = Callable[[ClusterState, ClusterState], None]


class PaperEngines:
    """``Engines`` on the orchestrator alone. While ``at_once`` is unset, containers neither start nor end."""

    def __init__(self, state: ClusterState) -> None:
        self.state = state
        self.catalogue = Catalogue()
        self.at_once = True
        self.logs: dict[ContainerId, LogBuffer] = {}
        self.listeners: list[Listener] = []
        self.children: list[subprocess.Popen[bytes]] = []
        self._change = asyncio.Event()

    def now(self) -> int:
        return time.time_ns()

    def submit(self, command: Command) -> ClusterState:
        before, after = self.state, step(self.state, command, self.now())
        self.state = settled(after, self.now()) if self.at_once else after
        for listener in list(self.listeners):
            listener(before, self.state)
        self._change.set()
        self._change = asyncio.Event()
        return self.state

    def listen(self, listener: Listener) -> Callable[[], None]:
        self.listeners.append(listener)
        return lambda: self.listeners.remove(listener)

    async def changed(self) -> None:
        await self._change.wait()

    async def followed(self) -> None:
        """They always have."""

    def signal(self, container: ContainerId, number: int) -> None:
        self.submit(ContainerExited(container, 128 + number))

    async def stop(self, container: ContainerId, signal: int, grace: int) -> None:
        found = self.state.containers.get(container)
        if found is not None and found.placed:
            self.submit(StopContainer(container))
        if any(task.container == container and task.placed for task in self.state.tasks.values()):
            self.submit(ContainerExited(container, 128 + signal))

    async def spawner(self, container: ContainerId, program: ContainerProgram) -> Spawner:
        if any("\0" in word for word in (*program.argv, *program.env, *program.env.values(), program.workdir)):
            raise RefusedError("a word of a command line has no NUL in it")

        def spawn(stdin: int, stdout: int, stderr: int, controlling: bool) -> subprocess.Popen[bytes]:
            del controlling
            if program.argv[0] == "missing":
                raise FailedStart('exec: "missing": executable file not found in $PATH: unknown', 127)
            child = subprocess.Popen(["cat"], stdin=stdin, stdout=stdout, stderr=stderr, start_new_session=True)
            self.children.append(child)
            return child

        return spawn

    async def attach(self, container: ContainerId, client: Client) -> None:
        async for line in self.log(container).read(LogQuery(follow=True)):
            await client.write(line.output, line.text)

    def resize(self, container: ContainerId, rows: int, columns: int) -> None:
        """Nobody has a terminal."""

    def log(self, container: ContainerId) -> LogBuffer:
        return self.logs.setdefault(container, LogBuffer())

    async def pid(self, container: ContainerId) -> int:
        return os.getpid()

    async def processes(self, container: ContainerId) -> Sequence[ContainerProcess]:
        return [ContainerProcess("root", os.getpid(), 0, "00:00", "?", "00:00:00", "busybox")]


@dataclass(frozen=True)
class Answer:
    """What came back for a request, read to its end."""

    method: str
    path: str
    status: int
    headers: Any
    data: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.data)

    @property
    def message(self) -> str:
        """The sentence of a refusal, which has Docker's form."""
        assert self.status >= 400, self
        assert self.headers["Content-Type"] == "application/json", self
        assert described.error_deviations(self.json) == []
        return str(self.json["message"])


class Caller:
    """Speaks to one machine's engine."""

    def __init__(self, session: aiohttp.ClientSession, path: Path) -> None:
        self.session = session
        self.path = path

    async def ask(self, method: str, path: str, /, body: object = None, **query: object) -> Answer:
        """Bytes are sent as they are, another body as JSON. Of the query, what isn't text is written as JSON."""
        params = {key: value if isinstance(value, str) else json.dumps(value) for key, value in query.items()}
        sent = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} if sent is not None else {}
        url, stream = f"http://engine{path}", None if sent is None else io.BytesIO(sent)
        async with self.session.request(method, url, data=stream, params=params, headers=headers) as answer:
            return Answer(method, path, answer.status, answer.headers, await answer.read())

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection, to say anything on it."""
        return await asyncio.open_unix_connection(str(self.path))


class Bench:
    """The engines, and a caller for each machine."""

    def __init__(self, engines: PaperEngines, callers: dict[str, Caller]) -> None:
        self.engines = engines
        self._callers = callers

    def __getitem__(self, machine: str) -> Caller:
        return self._callers[machine]

    async def ask(self, method: str, path: str, /, body: object = None, **query: object) -> Answer:
        """Ask the manager."""
        return await self[MANAGER].ask(method, path, body, **query)

    async def made(self, path: str, body: object, **query: object) -> str:
        """The id of what a request of the manager made."""
        answer = await self.ask("POST", path, body, **query)
        assert answer.status == 201, answer
        return str(answer.json.get("ID") or answer.json["Id"])


@contextlib.asynccontextmanager
async def paper_bench(state: ClusterState | None = None) -> AsyncIterator[Bench]:
    """The reference's three machines as a swarm, unless another state is given."""
    engines = PaperEngines(swarm() if state is None else state)
    machines = [node.name for node in engines.state.nodes.values()]
    async with contextlib.AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))  # the tests' own have long names
        sockets = {name: _listening(folder / f"{name}.sock") for name in machines}
        runners = await serve(engines, sockets)
        for runner in runners:
            stack.push_async_callback(runner.cleanup)
        callers = {}
        for name in machines:
            path = folder / f"{name}.sock"
            connector = aiohttp.UnixConnector(str(path))
            session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
            callers[name] = Caller(session, path)
        try:
            yield Bench(engines, callers)
        finally:
            for child in engines.children:
                child.kill()


def _listening(path: Path) -> socket.socket:
    listening = socket.socket(socket.AF_UNIX)
    listening.setblocking(False)
    listening.bind(str(path))
    listening.listen(64)
    return listening
