"""A lab's end of the control stream without a lab: programs run right here."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator

import pytest

from meshnet.errors import InputError
from meshnet.lab.control.client import Client, error_result
from meshnet.lab.control.relay import Relay
from meshnet.lab.server import program
from meshnet.lab.server.link import Channel, Link


class BareLab:
    """Answers ``run`` by running the program in this process's own surroundings, and ``stages`` with three events."""

    def __init__(self, stream: socket.socket) -> None:
        self.children: list[subprocess.Popen[bytes]] = []
        self._fd = stream.detach()
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)

        async def open_link() -> None:
            self._link = Link(self._fd, self._opened, lambda: None)

        self._loop.run_until_complete(open_link())
        self._loop.run_forever()

    def hang_up(self) -> None:
        """Close the stream, as a lab that ends does."""
        if self._fd >= 0:
            asyncio.run_coroutine_threadsafe(self._abandon(), self._loop).result()
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()
            self._link.close()
            self._fd = -1
            for child in self.children:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGKILL)
                child.wait()

    async def _abandon(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _opened(self, channel: Channel) -> None:
        task = self._loop.create_task(self._answer(channel))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, channel: Channel) -> None:
        if channel.request["op"] == "stages":
            for stage in ("one", "two", "three"):
                channel.event({"stage": stage})
            channel.result({"done": True})
        elif channel.request["op"] == "run":
            await program.run(channel, lambda *streams: self._spawn(channel.request["argv"], *streams))
        else:
            channel.result(error_result(InputError("no such operation")))

    def _spawn(
        self, argv: list[str], stdin: int, stdout: int, stderr: int, controlling: bool
    ) -> subprocess.Popen[bytes]:
        # as in a lab: programs end by these signals also where the tests are a job in the background, or under nohup
        argv = ["env", "--default-signal=HUP,INT", *argv]
        child = subprocess.Popen(argv, stdin=stdin, stdout=stdout, stderr=stderr, start_new_session=True)
        self.children.append(child)
        return child


@pytest.fixture
def bare_lab() -> Iterator[tuple[BareLab, Relay]]:
    ours, theirs = socket.socketpair()
    lab = BareLab(theirs)
    relay = Relay(ours)
    relay.start()
    yield lab, relay
    lab.hang_up()
    relay.join()


@pytest.fixture
def client(bare_lab: tuple[BareLab, Relay]) -> Iterator[Client]:
    with Client(bare_lab[1].connect()) as client:
        yield client
