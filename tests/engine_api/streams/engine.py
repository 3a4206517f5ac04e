"""An engine that can do nothing but exec, right here, on a unix socket; and a client that speaks to it byte by byte."""

from __future__ import annotations

import asyncio
import contextlib
import json
import struct
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from aiohttp import web

from meshnet.engine_api.streams import (
    HijackedResponse,
    StreamRunner,
    media_type,
    run_attached,
    run_detached,
    takeover,
)
from meshnet.lab.net.inside import Child, Inside, start
from meshnet.lab.programs import FailedStart, Program


class BareEngine:
    """``POST /exec/ID/start`` runs the body's ``Cmd``; ``ID`` is the key of ``statuses`` and ``programs``."""

    def __init__(self) -> None:
        self.statuses: dict[str, int] = {}
        self.programs: dict[str, Program] = {}
        self.children: list[Child] = []
        self.background: set[asyncio.Task[None]] = set()
        self.app = web.Application()
        self.app.router.add_post("/v1.50/exec/{id}/start", self._start)
        self.app.router.add_get("/_ping", self._ping)
        self.runner = StreamRunner(self.app)

    @property
    def connections(self) -> list[object]:
        """Those its server has open."""
        assert self.runner.server is not None
        return list(self.runner.server.connections)

    async def _ping(self, request: web.Request) -> web.Response:
        return web.Response(text="OK")

    async def _start(self, request: web.Request) -> web.StreamResponse:
        wanted: dict[str, Any] = await request.json()
        key = request.match_info["id"]
        if key == "unknown":
            return web.json_response({"message": "No such exec instance: unknown"}, status=404)

        def spawn(stdin: int, stdout: int, stderr: int, controlling: bool) -> Child:
            try:
                child = start(
                    Inside(),
                    wanted["Cmd"],
                    stdin=stdin,
                    stdout=stdout,
                    stderr=stderr,
                    controlling_terminal=controlling,
                )
            except FileNotFoundError as error:
                raise FailedStart(f"no {error.filename} here", 127) from error
            self.children.append(child)
            return child

        def started(program: Program) -> None:
            self.programs[key] = program

        if wanted.get("Detach"):

            async def run() -> None:
                self.statuses[key] = await run_detached(spawn, tty=wanted.get("Tty", False), started=started)

            task = asyncio.create_task(run())
            self.background.add(task)
            task.add_done_callback(self.background.discard)
            return web.Response()
        tty = wanted.get("Tty", False)
        stream = await takeover(request, media_type(tty=tty, version=(1, 50)), {"Api-Version": "1.50"})
        size = wanted.get("ConsoleSize")
        try:
            self.statuses[key] = await run_attached(
                spawn,
                stream,
                tty=tty,
                stdin=wanted.get("AttachStdin", True),
                size=(size[0], size[1]) if size else None,
                started=started,
            )
        finally:
            await stream.close()
        return HijackedResponse()


@contextlib.asynccontextmanager
async def engine(folder: Path) -> AsyncIterator[tuple[BareEngine, str]]:
    """It and its socket's path."""
    bare = BareEngine()
    await bare.runner.setup()
    path = str(folder / "docker.sock")
    await web.UnixSite(bare.runner, path).start()
    try:
        yield bare, path
    finally:
        await bare.runner.cleanup()


class Connection:
    """One client's. ``head`` is the answer's, once ``exec`` has returned."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.head = ""

    @classmethod
    async def open(cls, path: str) -> Connection:
        return cls(*await asyncio.open_unix_connection(path, limit=2**20))

    async def exec(
        self, *cmd: str, key: str = "one", upgrade: bool = True, behind: bytes = b"", **wanted: Any
    ) -> Connection:
        """Ask for ``cmd``; ``behind`` goes with the request in one piece."""
        self.writer.write(request(*cmd, key=key, upgrade=upgrade, **wanted) + behind)
        await self.read_head()
        return self

    async def read_head(self) -> None:
        self.head = (await self.reader.readuntil(b"\r\n\r\n")).decode()

    async def send(self, data: bytes, *, end: bool = False) -> None:
        self.writer.write(data)
        if end:
            self.writer.write_eof()
        await self.writer.drain()

    async def rest(self) -> bytes:
        return await self.reader.read()

    async def until(self, word: bytes) -> bytes:
        return await self.reader.readuntil(word)

    def close(self) -> None:
        self.writer.close()


def request(*cmd: str, key: str = "one", upgrade: bool = True, **wanted: Any) -> bytes:
    """What a client asks with to run ``cmd``."""
    body = json.dumps({"Cmd": cmd, **wanted}).encode()
    lines = [
        f"POST /v1.50/exec/{key}/start HTTP/1.1",
        "Host: docker",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    ]
    if upgrade:
        lines += ["Connection: Upgrade", "Upgrade: tcp"]
    return "\r\n".join((*lines, "", "")).encode() + body


def apart(data: bytes) -> list[tuple[int, bytes]]:
    """The frames of a multiplexed stream: stream and payload."""
    frames = []
    start = 0
    while start < len(data):
        number, length = struct.unpack_from("!B3xI", data, start)
        frames.append((number, data[start + 8 : start + 8 + length]))
        start += 8 + length
    assert start == len(data), "the stream ends within a frame"
    return frames


def output(data: bytes, number: int = 1) -> bytes:
    """What one stream of a multiplexed one carried."""
    return b"".join(payload for stream, payload in apart(data) if stream == number)
