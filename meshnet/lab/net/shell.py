"""A Mininet node that runs programs in its namespaces, and a shell only once somebody types at it."""

from __future__ import annotations

import os
import select
import subprocess
import termios
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from meshnet.lab.net.inside import Child, Inside, run, start
from meshnet.lab.net.stock import Node

_PROMPT = chr(127)
"""What Mininet takes for the end of a command's output."""


class ShellNode(Node):  # type: ignore[misc]  # Mininet has no types
    """What a host and a switch have in common here. ``inside`` says which namespaces the node's programs run in,
    ``environment`` what they find in their environment."""

    shell: Child | None
    isSetup = True  # Mininet would look for mnexec and ifconfig, and neither is used

    def __init__(
        self, name: str, *, inside: Inside, environment: Mapping[str, str] | None = None, **params: Any
    ) -> None:
        self.inside = inside
        self.environment = dict(os.environ if environment is None else environment)
        self.terminated = False
        Node.__init__(self, name, **params)  # not Switch's: it would set its lo up by a shell

    def startShell(self, mnopts: str | None = None) -> None:
        """Mininet calls it while it makes the node. The shell waits for ``cmd`` or ``sendCmd``."""

    def mountPrivateDirs(self) -> None:
        """Done where the node's namespaces are made, without a shell."""

    def unmountPrivateDirs(self) -> None:
        """They go with the node's mount namespace."""

    def spawn(
        self,
        argv: Sequence[str],
        *,
        stdin: int = 0,
        stdout: int = 1,
        stderr: int = 2,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        controlling_terminal: bool = False,
        process_group: int | None = None,
    ) -> Child:
        """Start a program on the node; arguments and errors are those of ``meshnet.lab.net.inside.start``."""
        return start(
            self.inside,
            argv,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            env=self.environment if env is None else env,
            cwd=str(Path.cwd()) if cwd is None else cwd,
            controlling_terminal=controlling_terminal,
            process_group=process_group,
        )

    def popen(self, *args: Any, **kwargs: Any) -> subprocess.Popen[Any]:
        """Mininet's: a ``subprocess.Popen`` on the node, given as a list, a string or several words."""
        popen: subprocess.Popen[Any] = super().popen(*args, **{"mncmd": [], **kwargs})
        return popen

    def _popen(self, cmd: list[str], **params: Any) -> subprocess.Popen[Any]:
        options = {"env": self.environment, "cwd": Path.cwd(), "start_new_session": True, **params}
        return run(self.inside, lambda: subprocess.Popen(cmd, **options))

    def sendCmd(self, *args: Any, **kwargs: Any) -> None:
        self._ensure_shell()
        super().sendCmd(*args, **kwargs)

    def cmd(self, *args: Any, **kwargs: Any) -> Any:
        self._ensure_shell()
        return super().cmd(*args, **kwargs)

    def terminate(self) -> None:
        """End the node's shell, if there is one, for good."""
        self.terminated = True
        super().terminate()

    def _ensure_shell(self) -> None:
        """A bash on a terminal of its own, spoken to the way Mininet does: its prompt marks the end of an output."""
        if self.shell is not None or self.terminated:
            return
        self.master, self.slave = os.openpty()
        _stop_echo(self.slave)
        shell = self.spawn(
            ["bash", "--norc", "--noediting", "-is", f"mininet:{self.name}"],
            stdin=self.slave,
            stdout=self.slave,
            stderr=self.slave,
            env={**self.environment, "PS1": _PROMPT},
            controlling_terminal=True,
        )
        self.shell, self.pid = shell, shell.pid
        self._open_streams()
        self.waiting = True
        self.waitOutput()
        super().cmd("unset HISTFILE; set +m")  # m: no words about jobs

    def _open_streams(self) -> None:
        """What Mininet's ``startShell`` leaves behind."""
        self.stdin = self.stdout = os.fdopen(self.master, "r")
        self.pollOut = select.poll()
        self.pollOut.register(self.stdout)
        self.outToNode[self.stdout.fileno()] = self.inToNode[self.stdin.fileno()] = self
        self.execed = False


def _stop_echo(terminal: int) -> None:
    """What Mininet has ``stty -echo`` do."""
    attributes = termios.tcgetattr(terminal)
    attributes[3] &= ~termios.ECHO
    termios.tcsetattr(terminal, termios.TCSANOW, attributes)
