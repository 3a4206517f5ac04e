"""Starts a lab's process, in the host's kernel or in user-mode Linux, and holds the stream to it.

The launcher stays outside the walls. It is the lab's first process: when it ends, however it ends, the lab ends.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from meshnet.errors import LabError, MachineError
from meshnet.kernel.boot import uml, view, walls
from meshnet.kernel.boot.choose import KernelChoice, KernelKind
from meshnet.lab import faces
from meshnet.lab.control.client import Client
from meshnet.lab.control.relay import Relay
from meshnet.lab.control.wire import Json
from meshnet.lab.deadlines import BOOT, TAKE_DOWN, scaled
from meshnet.lab.docker_client import find_docker
from meshnet.model.lab import LabSpec

_GREETING = b"meshnet\n"
_GUEST_MODULE = "meshnet.lab.guest"


@dataclass(frozen=True, slots=True)
class _Wall:
    """The process between the launcher and the lab; ``namespaces`` is False where the machine allows none."""

    pid: int
    namespaces: bool = True


class LabProcess:
    """A lab's process and the way to it. ``start`` one before this process has threads; ``stop`` it when done.
    ``docker`` is the client that its nodes get."""

    def __init__(
        self, wall: _Wall, link: socket.socket, log: int, claim: uml.CpuClaim | None, docker: Path | None
    ) -> None:
        self._wall = wall
        self._log = log
        self._claim = claim
        self._docker = docker
        self._relay = Relay(link)
        self._stopped = False

    @classmethod
    def start(cls, kernel: KernelKind, output: Path | None = None) -> LabProcess:
        """Start the process in that kernel and wait until it speaks. ``output`` is the folder written through."""
        docker = find_docker(os.environ)
        ours, theirs = socket.socketpair()
        log = os.memfd_create("meshnet-log")
        claim = uml.CpuClaim() if kernel is KernelKind.UML else None
        try:
            if claim is None:
                wall = _Wall(walls.start_within(lambda: _serve_on_host(ours, theirs, log)))
            else:
                wall = _start_uml(ours, theirs, log, claim, output)
        finally:
            theirs.close()
        process = cls(wall, ours, log, claim, docker)
        try:
            _await_greeting(ours)
        except BaseException as error:
            process._end_at_once()
            if isinstance(error, LabError):
                reason = f"{error}{process.log()}"
                raise MachineError(f"{kernel} kernel: the lab's process did not start: {reason}") from error
            raise
        process._relay.start()
        return process

    def client(self) -> Client:
        return Client(self._relay.connect())

    def bring_up(self, spec: LabSpec, choice: KernelChoice, on_stage: Callable[[str], None]) -> Json:
        """Build the lab; ``on_stage`` hears of each stage. Afterwards second terminals find it. Returns its status."""

        def on_event(event: Json) -> None:
            on_stage(event["stage"])

        with self.client() as client:
            status = client.call(
                "start",
                spec=spec.to_json(),
                without=sorted(choice.without),
                docker=str(self._docker) if self._docker else None,
                faces=faces.installed(),
                on_event=on_event,
            )
        self._relay.announce(spec.name)
        return status

    def log(self) -> str:
        """What the lab's process, or its kernel, printed on its error output: for the report of a failure."""
        size = os.fstat(self._log).st_size
        text = os.pread(self._log, size, 0).decode(errors="replace").strip()
        return f"\n{text}" if text else ""

    def stop(self) -> None:
        """Take the lab down and wait until nothing of it is left."""
        if self._stopped:
            return
        self._stopped = True
        with contextlib.suppress(LabError, OSError), self.client() as client:
            client.send_only("down")
        if _ended_by(self._wall.pid, time.monotonic() + scaled(TAKE_DOWN)):
            self._clear_up()
        else:
            self._end_at_once()
        self._relay.join(scaled(TAKE_DOWN))

    def _end_at_once(self) -> None:
        self._stopped = True
        os.kill(self._wall.pid, signal.SIGKILL)
        walls.wait(self._wall.pid)
        self._clear_up()

    def _clear_up(self) -> None:
        if not self._wall.namespaces:
            walls.bury_orphans()
        if self._claim is not None:
            self._claim.release()


def _serve_on_host(ours: socket.socket, theirs: socket.socket, log: int) -> NoReturn:
    """The lab's process on the host's kernel: a copy of the launcher, so what it has imported is there already."""
    ours.close()
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    nowhere = os.open("/dev/null", os.O_RDWR)
    for stream, source in ((0, nowhere), (1, log), (2, log)):
        os.dup2(source, stream)
    view.enter_host()
    from meshnet.lab.server.main import serve

    serve(theirs.detach())


def _start_uml(ours: socket.socket, theirs: socket.socket, log: int, claim: uml.CpuClaim, output: Path | None) -> _Wall:
    arguments = (str(Path.cwd()), str(output) if output else "-")
    argv = uml.command_line(sys.executable, _GUEST_MODULE, arguments, theirs.fileno())

    def guest(folder: Path, *, walled: bool) -> NoReturn:
        ours.close()
        if walled:
            view.protect_host(output, folder)
        os.set_inheritable(theirs.fileno(), True)
        uml.become(argv, cpu=claim.cpu, folder=folder, console=log)

    try:
        return _Wall(walls.start_within(lambda: guest(Path("/dev/shm"), walled=True)))
    except MachineError:
        folder = uml.memory_folder()
        return _Wall(walls.start_without(lambda: guest(folder, walled=False)), namespaces=False)


def _await_greeting(link: socket.socket) -> None:
    """Read the greeting off the stream, and nothing behind it."""
    deadline = time.monotonic() + scaled(BOOT)
    heard = b""
    while not heard.endswith(_GREETING):
        remaining = deadline - time.monotonic()
        if remaining <= 0 or not select.select([link], [], [], remaining)[0]:
            raise LabError(f"it said nothing for {scaled(BOOT):.0f} s")
        byte = link.recv(1)
        if not byte:
            raise LabError("it ended at once")
        heard += byte


def _ended_by(pid: int, deadline: float) -> bool:
    """Whether the child ended before the deadline; it is reaped then."""
    pidfd = os.pidfd_open(pid)
    try:
        ended = bool(select.select([pidfd], [], [], max(0.0, deadline - time.monotonic()))[0])
    finally:
        os.close(pidfd)
    if ended:
        walls.wait(pid)
    return ended
