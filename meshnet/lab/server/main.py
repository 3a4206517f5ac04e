"""The lab's process: takes requests off the control stream and gives each to whoever answers it."""

from __future__ import annotations

import asyncio
import os
import queue
import resource
import sys
import threading
import traceback
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import NoReturn

from meshnet.errors import InputError, LabError, MeshnetError
from meshnet.lab import observing, rewinding
from meshnet.lab.control.client import error_result
from meshnet.lab.control.wire import Json
from meshnet.lab.lab import Lab
from meshnet.lab.net.inside import Child
from meshnet.lab.server import capturing, program
from meshnet.lab.server.door import open_door
from meshnet.lab.server.link import Channel, Link
from meshnet.lab.server.prompt import PromptTerminal, run_prompt
from meshnet.lab.toolbox import node_environment, shell_argv
from meshnet.model.lab import LabSpec
from meshnet.netstate.dialects import iptables_save
from meshnet.orchestrator.command_json import command_from_json

GREETING = b"meshnet\n"
"""Sent before the first frame: from here on the stream carries frames, whatever the serial line said before."""

Work = Callable[[], None]


def serve(fd: int) -> NoReturn:
    """Serve the control stream ``fd`` until it ends or the lab is taken down: the process ends there."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # a namespace takes three descriptors, a task some more
    written = 0
    while written < len(GREETING):
        written += os.write(fd, GREETING[written:])
    Server(fd).run()


class Server:
    """``run`` belongs to the main thread, everything named ``_op_...`` to the event loop's."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._work: queue.SimpleQueue[Work] = queue.SimpleQueue()
        self._loop = asyncio.new_event_loop()
        self._lab: Lab | None = None
        self._mark: rewinding.Mark | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def run(self) -> NoReturn:
        threading.Thread(target=self._run_loop, name="loop", daemon=True).start()
        while True:
            self._work.get()()

    def _run_loop(self) -> None:
        asyncio.set_event_loop(self._loop)

        async def open_link() -> None:
            self._link = Link(self._fd, self._opened, self._link_ended)
            await open_door(self._opened)

        self._loop.run_until_complete(open_link())
        self._loop.run_forever()

    def _link_ended(self) -> None:
        """The launcher is gone: so is the lab, at once; with its first process everything it made goes."""
        os._exit(0)

    def _opened(self, channel: Channel) -> None:
        task = self._loop.create_task(self._answer(channel))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, channel: Channel) -> None:
        op = channel.request.get("op")
        operations: dict[str, Callable[[Channel], Coroutine[None, None, None]]] = {
            "start": self._op_start,
            "prompt": self._op_prompt,
            "run": self._op_run,
            "status": self._op_status,
            "scale": self._op_scale,
            "change": self._op_change,
            "drift": self._op_drift,
            "repair": self._op_repair,
            "trace": self._op_trace,
            "explain": self._op_explain,
            "capture": self._op_capture,
            "inject": self._op_inject,
            "rules": self._op_rules,
            "mark": self._op_mark,
            "rewind": self._op_rewind,
            "down": self._op_down,
        }
        try:
            if op not in operations:
                raise InputError(f"the lab knows no operation {op}; it knows {', '.join(operations)}")
            await operations[op](channel)
        except Exception as error:
            channel.result(_failure(error))

    async def _op_start(self, channel: Channel) -> None:
        """``{"spec": LabSpec as JSON, "without"?, "docker"?: path of the client, "faces"?: names}``: build the lab;
        ``{"stage": ...}`` events on the way."""
        spec = LabSpec.from_json(channel.request["spec"])
        docker = channel.request.get("docker")

        def build() -> None:
            def progress(stage: str) -> None:
                channel.post(channel.event, {"stage": stage})

            try:
                lab = Lab(
                    spec,
                    self._loop,
                    without=channel.request.get("without", ()),
                    docker=Path(docker) if docker else None,
                    faces=channel.request.get("faces", ()),
                )
                lab.bring_up(progress)
                self._lab = lab
                answer = lab.status()
            except Exception as error:
                answer = _failure(error)
            channel.post(channel.result, answer)

        self._work.put(build)

    async def _op_prompt(self, channel: Channel) -> None:
        """``{"history": [...]}`` and a terminal: Mininet's prompt on it; the answer has the lines typed."""
        lab = self._require_lab()
        terminal = PromptTerminal(channel)

        def prompt() -> None:
            try:
                answer: Json = {"status": 0, "history": run_prompt(lab, terminal.slave, channel.request)}
            except Exception as error:
                answer = _failure(error)
            self._loop.call_soon_threadsafe(terminal.finish, answer)

        self._work.put(prompt)
        await terminal.carry()

    async def _op_run(self, channel: Channel) -> None:
        """``{"node", "argv", "env"?, "folder"?}`` and streams or a terminal: run a program on a node; its status.
        Without ``argv`` it is a shell."""
        request = channel.request
        node = self._require_lab().node(request["node"])
        environment = node_environment(node.name, request.get("env", {}), request.get("terminal"))
        argv = request.get("argv") or shell_argv()

        def spawn(stdin: int, stdout: int, stderr: int, controlling: bool) -> Child:
            return node.spawn(
                argv,
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                env=environment,
                cwd=request.get("folder"),
                controlling_terminal=controlling,
            )

        try:
            await program.run(channel, spawn)
        except FileNotFoundError as error:
            channel.result({"status": 127, "problem": f"{error.filename}: no such command on {node.name}"})
        except PermissionError as error:
            channel.result({"status": 126, "problem": f"{error.filename}: not an executable file"})

    async def _op_status(self, channel: Channel) -> None:
        """What is running where."""
        channel.result(self._require_lab().status())

    async def _op_scale(self, channel: Channel) -> None:
        """``{"service", "replicas"}``: change how many tasks a service has; answers when the mesh has followed."""
        lab = self._require_lab()
        request = channel.request
        await lab.scale(request["service"], request["replicas"])
        channel.result(lab.status())

    async def _op_change(self, channel: Channel) -> None:
        """``{"asked": [commands as JSON]}``: ask something of the swarm; answers when the mesh has followed all."""
        lab = self._require_lab()
        await lab.change(*map(command_from_json, channel.request["asked"]))
        channel.result(lab.status())

    async def _op_drift(self, channel: Channel) -> None:
        """How the kernel differs from what the lab wants of it: ``{"plan": [a line each]}``."""
        channel.result({"plan": await self._require_lab().drift()})

    async def _op_repair(self, channel: Channel) -> None:
        """Make the kernel what the lab wants of it again; what was done."""
        channel.result({"plan": await self._require_lab().repair()})

    async def _op_capture(self, channel: Channel) -> None:
        """See ``capturing.capture``."""
        await capturing.capture(self._require_lab(), channel)

    async def _op_inject(self, channel: Channel) -> None:
        """See ``capturing.inject``."""
        await capturing.inject(self._require_lab(), channel)

    async def _op_trace(self, channel: Channel) -> None:
        """``{"source", "destination", "port"?, "protocol"?, "size"?, "ttl"?, "source_port"?, "predict_only"?}``: send
        one packet and see where it goes; a trace.json document."""
        channel.result(await observing.trace(self._require_lab(), channel.request))

    async def _op_explain(self, channel: Channel) -> None:
        """What is failing now, where, and what would mend it: docs/trace.md has the fields."""
        channel.result(await observing.explain(self._require_lab()))

    async def _op_rules(self, channel: Channel) -> None:
        """``{"rules": {NODE/NS: what iptables-save prints there}}``, of all namespaces."""
        world = await self._require_lab().world()
        channel.result({"rules": {str(ref): iptables_save.write(state.rules) for ref, state in world.states.items()}})

    async def _op_mark(self, channel: Channel) -> None:
        """Take note of how everything is, for ``rewind``."""
        self._mark = await rewinding.mark(self._require_lab())
        channel.result({})

    async def _op_rewind(self, channel: Channel) -> None:
        """Put everything back as it was at the last ``mark``: ``{"ended": number of programs, "restored": whether the
        swarm had changed, "repaired": [a line a change of the kernel]}``."""
        if self._mark is None:
            raise LabError("there is no mark to come back to")
        self._mark, done = await rewinding.rewind(self._require_lab(), self._mark)
        channel.result(done)

    async def _op_down(self, channel: Channel) -> None:
        """End the lab, whatever its main thread is busy with. What it made ends with this process."""
        channel.result({})
        await self._link.flushed()
        os._exit(0)

    def _require_lab(self) -> Lab:
        if self._lab is None:
            raise LabError("the lab is not up yet")
        return self._lab


def _failure(error: Exception) -> Json:
    """An error as an answer; one that isn't ours is a defect of meshnet's, and its trace goes to the log."""
    if isinstance(error, MeshnetError):
        return error_result(error)
    traceback.print_exc(file=sys.stderr)
    trace = traceback.format_exc()
    return error_result(LabError(f"meshnet failed inside the lab: {error!r}\n{trace}"))
