"""Mininet's prompt, with the programs people type at it on the prompt's own terminal."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import readline
import signal
import sys
import termios
from collections.abc import Callable
from typing import Any

from mininet.cli import CLI

from meshnet.errors import MeshnetError
from meshnet.lab.control.wire import Frame, Json, Kind
from meshnet.lab.lab import Lab
from meshnet.lab.programs import set_size, shell_status
from meshnet.lab.server import looking
from meshnet.lab.server.link import Channel
from meshnet.lab.toolbox import node_environment

_READ = 64 * 1024


class PromptTerminal:
    """A terminal whose far end is the client's: what the prompt and its programs read and write."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._loop = asyncio.get_running_loop()
        self._master, self.slave = os.openpty()
        os.set_blocking(self._master, False)
        set_size(self._master, *channel.request.get("size", (24, 80)))
        self._over = asyncio.Event()
        self._answer: Json = {}
        channel.listen(self._take)

    async def carry(self) -> None:
        """Until ``finish``: then the rest of the output, and the answer."""
        ready = asyncio.Event()
        self._loop.add_reader(self._master, ready.set)
        over = asyncio.ensure_future(self._over.wait())
        try:
            while True:
                some = asyncio.ensure_future(ready.wait())
                await asyncio.wait((some, over), return_when=asyncio.FIRST_COMPLETED)
                some.cancel()
                ready.clear()
                data = self._read()
                if data:
                    await self._channel.stream(Kind.STDOUT, data)
                elif over.done():
                    break
        finally:
            self._loop.remove_reader(self._master)
            os.close(self._master)
            os.close(self.slave)
        self._channel.result(self._answer)

    def finish(self, answer: Json) -> None:
        self._answer = answer
        self._over.set()

    def _read(self) -> bytes:
        try:
            return os.read(self._master, _READ)
        except (BlockingIOError, OSError):
            return b""

    def _take(self, frame: Frame) -> None:
        if frame.kind is Kind.STDIN:
            with contextlib.suppress(BlockingIOError):  # a terminal's input queue holds 4 KiB; more than that is lost
                os.write(self._master, frame.payload)
            self._channel.consumed(len(frame.payload))
        elif frame.kind is Kind.RESIZE:
            set_size(self._master, *frame.size)
        elif frame.kind in (Kind.CANCEL, Kind.END_STDIN):
            os.write(self._master, b"\x03\x04")


def run_prompt(lab: Lab, slave: int, request: Json) -> list[str]:
    """Run the prompt in this (the main) thread until Ctrl-D or ``exit``; the lines typed."""
    before = [os.dup(stream) for stream in (0, 1, 2)]
    _take_terminal(slave)
    try:
        prompt = LabPrompt(lab, request)
        return prompt.typed()
    finally:
        for stream, saved in enumerate(before):
            os.dup2(saved, stream)
            os.close(saved)


def _take_terminal(slave: int) -> None:
    """Make ``slave`` this process's standard streams and controlling terminal."""
    if os.getsid(0) != os.getpid():
        os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 1)
    for stream in (0, 1, 2):
        os.dup2(slave, stream)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # it was not a terminal when Python started
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # sent to this session when the terminal goes, at the prompt's end
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    signal.signal(signal.SIGTTIN, signal.SIG_IGN)
    signal.signal(signal.SIGTSTP, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.default_int_handler)


class LabPrompt(CLI):  # type: ignore[misc]  # mininet has no types
    """``NODE COMMAND`` runs the command in the node, on this terminal and in the foreground, so that Ctrl-C ends the
    command and full-screen programs work; the rest is Mininet's own."""

    prompt = "mininet> "

    def __init__(self, lab: Lab, request: Json) -> None:
        self._lab = lab
        self._environment: dict[str, str] = request.get("env", {})
        self._terminal = request.get("terminal")
        self._first = 0
        for line in request.get("history", ()):
            readline.add_history(line)
        self._first = readline.get_current_history_length()
        readline.set_completer_delims(" \t\n;|&<>()=,")  # a hyphen is part of a node's name
        super().__init__(lab.net)

    def typed(self) -> list[str]:
        """The lines typed at this prompt."""
        last = readline.get_current_history_length()
        return [readline.get_history_item(number) for number in range(self._first + 1, last + 1)]

    def initReadline(self) -> None:
        """Mininet would keep a history file in the home directory; ours travels with the request."""

    def run(self) -> None:
        """Until Ctrl-D or ``exit``; Ctrl-C at the prompt drops the line."""
        while True:
            try:
                self.cmdloop()
                return
            except KeyboardInterrupt:
                self._say("^C")

    def completenames(self, text: str, *ignored: object) -> list[str]:
        """Commands and nodes that begin so."""
        return [*super().completenames(text, *ignored), *(f"{name} " for name in self.mn if name.startswith(text))]

    def completedefault(self, text: str, *ignored: object) -> list[str]:
        """Nodes within a command for a node."""
        return [name for name in self.mn if name.startswith(text)]

    def do_trace(self, line: str) -> None:
        """trace SRC DST[:PORT] [--proto P] [--no-reply] [--predict-only] [--verbose] [--size BYTES] [--ttl N]

        Send one packet and show its way. Example: trace client swarm-worker1:8000"""
        self._look(lambda: looking.trace(self._lab, line))

    def do_explain(self, line: str) -> None:
        """Say what is failing now, where, and what would mend it. Example: explain"""
        del line
        self._look(lambda: looking.explain(self._lab))

    def _look(self, look: Callable[[], None]) -> None:
        try:
            look()
        except MeshnetError as error:
            self._say(f"*** {error}")

    def default(self, line: str) -> None:
        """A command for a node: its name first, other nodes' names replaced by their addresses, as Mininet does."""
        name, _, rest = line.partition(" ")
        if name not in self.mn:
            self._say(f"*** no command or node called {name}; `help` lists the commands, `nodes` the nodes")
            return
        if not rest.strip():
            self._say(f"*** say what to run on {name}: {name} COMMAND")
            return
        node = self.mn[name]
        words = [self._address(word) for word in rest.split(" ")]
        self._foreground(node, ["bash", "-c", " ".join(words)])

    def _address(self, word: str) -> str:
        if word in self.mn:
            return str(self.mn[word].defaultIntf().updateIP() or word)
        return word

    def _foreground(self, node: Any, argv: list[str]) -> None:
        child = node.spawn(
            argv,
            stdin=0,
            stdout=1,
            stderr=2,
            env=node_environment(node.name, self._environment, self._terminal),
            process_group=0,
        )
        os.tcsetpgrp(0, child.pid)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGCONT)  # it may have been stopped before the terminal was its own
        status = shell_status(child.wait())
        os.tcsetpgrp(0, os.getpgrp())
        if status > 128:
            self._say("")
        self.lastRetval = status

    def _say(self, line: str) -> None:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
