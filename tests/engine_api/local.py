"""A lab's engines without a kernel of their own: a container of ``busybox`` is a process right here, any other image's
is served by nobody. Served on unix sockets, with a client that speaks to one machine's."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import aiohttp

from meshnet.engine_api.serve import serve
from meshnet.lab.containers import Containers
from meshnet.lab.control_loop import ControlLoop
from meshnet.lab.programs import FailedStart, Program, Spawner
from meshnet.lab.running_engines import RunningEngines
from meshnet.lab.workloads import Catalogue, TaskContext, Workload, image_name
from meshnet.lab.workloads.entering import Container as Entered
from meshnet.lab.workloads.entering import ContainerProgram
from meshnet.lab.workloads.task import Home, Running
from meshnet.model import ClusterState, ContainerId
from meshnet.netstate import NamespaceRef
from meshnet.orchestrator.commands import Command
from tests.engine_api import described

_PATH = "/usr/local/bin:/usr/bin:/bin"


class _Anywhere(dict[Any, Any]):
    """A namespace for everybody: nobody looks at it."""

    def __missing__(self, key: NamespaceRef) -> None:
        return None


def _spawner(argv: Sequence[str], env: dict[str, str]) -> Spawner:
    def spawn(stdin: int, stdout: int, stderr: int, controlling: bool) -> subprocess.Popen[bytes]:
        del controlling
        try:
            return subprocess.Popen(
                argv,
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                env={"PATH": _PATH, **env},
                start_new_session=True,
            )
        except FileNotFoundError as error:
            raise FailedStart(
                "OCI runtime exec failed: exec failed: unable to start container process: "
                f'exec: "{argv[0]}": executable file not found in $PATH: unknown',
                127,
            ) from error

    return spawn


class _Process:
    def __init__(self, task: TaskContext) -> None:
        self._task = task
        self._stopped = False
        console = task.console
        console.begin()
        spawn = _spawner((*task.command, *task.args) or ("cat",), dict(task.env))
        if console.terminal:
            self._program = Program.on_terminal(spawn, console.size, stdin=console.open_stdin)
        else:
            self._program = Program.on_pipes(spawn, stdin=console.open_stdin)
        console.joined(self._program)
        self._carrying = asyncio.create_task(self._carry())

    @property
    def pid(self) -> int:
        return self._program.pid

    def signal(self, number: int) -> None:
        self._program.kill(signal.Signals(number))

    def stop(self) -> None:
        self._stopped = True
        self._program.kill(signal.SIGKILL)

    async def _carry(self) -> None:
        status = await self._program.run(self._task.console)
        self._task.console.end()
        if not self._stopped:
            self._task.on_exit(status)


class _Served:
    pid = 0

    def __init__(self, task: TaskContext) -> None:
        self._task = task
        task.console.begin()

    def signal(self, number: int) -> None:
        self._task.console.end()
        self._task.on_exit(0 if number != signal.SIGKILL else 137)

    def stop(self) -> None:
        self._task.console.end()


class _Workload:
    def __init__(self, image: str) -> None:
        self._image = image

    async def start(self, task: TaskContext) -> Running:
        return _Process(task) if image_name(self._image) == "busybox" else _Served(task)


class _LocalCatalogue(Catalogue):
    def workload(self, image: str, *, where: str | None = None) -> Workload:
        self.check(image, where=where)
        return _Workload(image)


class _LocalEntered(Entered):
    async def pid(self) -> int:
        return self._running.pid or os.getpid()

    async def spawner(self, program: ContainerProgram) -> Spawner:
        return _spawner(program.argv, {**self.task.env, **program.env})


class _LocalContainers(Containers):
    def entered(self, id: ContainerId) -> Entered:
        found = super().entered(id)
        return _LocalEntered(found.task, found._running)


class _Follower:
    def __init__(self, containers: Containers) -> None:
        self._containers = containers

    async def prepare(self, state: ClusterState) -> None:
        self._containers.prepare(state)

    async def follow(self, state: ClusterState) -> None:
        await self._containers.start(state, _Anywhere())


def _nowhere(node: str) -> Home:
    del node
    return _NoHome()


class _NoHome:
    mount = -1


def _check(method: str, path: str, status: int, value: object) -> None:
    """Hold an answer against Docker's description of it."""
    if status >= 400:
        assert described.error_deviations(value) == []
    elif value:
        schema = described.operation(method, path).schema(status)
        if schema is not None and not isinstance(value, bytes):
            assert described.deviations(schema, value) == []


class Client:
    """Speaks to one machine's engine."""

    def __init__(self, session: aiohttp.ClientSession, path: Path) -> None:
        self._session = session
        self.path = path

    async def ask(self, method: str, path: str, body: object = None, **query: object) -> tuple[int, Any]:
        """The status, and the JSON that came, or the text."""
        params = {key: value if isinstance(value, str) else json.dumps(value) for key, value in query.items()}
        async with self._session.request(method, f"http://engine/v1.50{path}", json=body, params=params) as answer:
            data = await answer.read()
            kind = answer.headers.get("Content-Type", "")
            value = json.loads(data) if data and kind == "application/json" else data
        _check(method, path, answer.status, value)
        return answer.status, value

    async def text(self, method: str, path: str, **query: str) -> str:
        """What came, as it came."""
        async with self._session.request(method, f"http://engine/v1.50{path}", params=query) as answer:
            return await answer.text()

    async def get(self, path: str, **query: object) -> Any:
        status, value = await self.ask("GET", path, **query)
        assert status == 200, value
        return value

    async def post(self, path: str, body: object = None, **query: object) -> Any:
        status, value = await self.ask("POST", path, body, **query)
        assert status < 300, value
        return value

    async def refused(self, method: str, path: str, body: object = None, **query: object) -> tuple[int, str]:
        """The status and the sentence of a refusal."""
        status, value = await self.ask(method, path, body, **query)
        assert status >= 400, (status, value)
        return status, value["message"]

    def stream(self, path: str, **query: str) -> Any:
        """An answer to be read as it comes, as a context manager."""
        return self._session.get(f"http://engine/v1.50{path}", params=query)

    async def hijack(self, path: str, body: object = None) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A taken-over connection behind its answer's head."""
        reader, writer = await asyncio.open_unix_connection(str(self.path))
        data = json.dumps(body or {}).encode()
        head = (
            f"POST /v1.50{path} HTTP/1.1",
            "Host: engine",
            "Content-Type: application/json",
            "Connection: Upgrade",
            "Upgrade: tcp",
            f"Content-Length: {len(data)}",
        )
        writer.write("\r\n".join((*head, "", "")).encode() + data)
        answer = await reader.readuntil(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 101 "), answer
        return reader, writer

    async def run(self, *argv: str, name: str = "", **config: Any) -> str:
        """A started container's id."""
        host = config.pop("HostConfig", {})
        made = await self.post(
            "/containers/create", {"Image": "busybox", "Cmd": argv, "HostConfig": host, **config}, name=name
        )
        await self.post(f"/containers/{made['Id']}/start")
        return str(made["Id"])

    async def ended(self, id: str) -> int:
        """Wait for a container's end."""
        return int((await self.post(f"/containers/{id}/wait"))["StatusCode"])


class Lab:
    """The engines, and a client for each machine."""

    def __init__(self, engines: RunningEngines, clients: dict[str, Client]) -> None:
        self.engines = engines
        self._clients = clients

    def __getitem__(self, machine: str) -> Client:
        return self._clients[machine]


@contextlib.asynccontextmanager
async def local_lab(state: ClusterState, folder: Path, commands: Sequence[Command] = ()) -> AsyncIterator[Lab]:
    """Run ``state``, once ``commands`` have been followed."""
    catalogue = _LocalCatalogue()
    containers = _LocalContainers(catalogue, _nowhere, lambda state, each: "", lambda command: control.submit(command))
    control = ControlLoop(state, lambda state: None, _Follower(containers))
    engines = RunningEngines(control, containers, catalogue)
    machines = [node.name for node in state.nodes.values()]
    sockets = {name: _listening(folder / f"{place}.sock") for place, name in enumerate(machines)}
    runners = await serve(engines, sockets)
    running = asyncio.create_task(control.run())
    async with contextlib.AsyncExitStack() as open_ones:
        clients = {}
        for name, listening in sockets.items():
            path = Path(listening.getsockname())
            session = aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path)))
            clients[name] = Client(await open_ones.enter_async_context(session), path)
        try:
            for command in commands:
                engines.submit(command)
            await engines.followed()
            yield Lab(engines, clients)
        finally:
            await _end(containers, control.state)
            while not running.done():  # Python 3.11's wait_for loses a cancellation that comes with its result
                running.cancel()
                await asyncio.wait([running], timeout=0.1)
            await asyncio.gather(*(runner.cleanup() for runner in runners))


async def _end(containers: Containers, state: ClusterState) -> None:
    """Kill what runs still."""
    ids = [task.container for task in state.tasks.values()] + list(state.containers)
    await asyncio.gather(*(containers.stop(id, signal.SIGKILL, 0) for id in ids))


def _listening(path: Path) -> socket.socket:
    listening = socket.socket(socket.AF_UNIX)
    listening.setblocking(False)
    relative = os.path.relpath(path)
    listening.bind(str(path) if len(str(path)) < 100 else relative)
    listening.listen(64)
    return listening
