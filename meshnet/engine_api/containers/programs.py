"""The programs that ``docker exec`` has asked for: to be started, running, or ended and still asked about."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from meshnet.errors import Refusal, RefusedError
from meshnet.lab.programs import Program
from meshnet.lab.workloads.entering import ContainerProgram
from meshnet.model import ContainerId

_REMEMBERED = 1000
"""Programs that have ended, and whose exit code may still be asked for."""


@dataclass
class Exec:
    """One program: asked for, then running, then ended."""

    id: str
    container: ContainerId
    program: ContainerProgram
    stdin: bool = False
    stdout: bool = False
    stderr: bool = False
    user: str = ""
    started: bool = False
    exit_code: int | None = None
    running: Program | None = None
    size: tuple[int, int] | None = None

    @property
    def json(self) -> dict[str, Any]:
        return {
            "ID": self.id,
            "Running": self.running is not None and self.exit_code is None,
            "ExitCode": self.exit_code,
            "ProcessConfig": {
                "tty": self.program.tty,
                "entrypoint": self.program.argv[0],
                "arguments": list(self.program.argv[1:]),
                "privileged": False,
                "user": self.user,
            },
            "OpenStdin": self.stdin,
            "OpenStderr": self.stderr,
            "OpenStdout": self.stdout,
            "CanRemove": self.exit_code is not None,
            "ContainerID": self.container,
            "DetachKeys": "",
            "Pid": self.running.pid if self.running is not None else 0,
        }


@dataclass
class Execs:
    """An engine's programs, the one asked for last behind."""

    known: dict[str, Exec] = field(default_factory=dict)
    detached: set[asyncio.Task[None]] = field(default_factory=set)

    def add(self, made: Exec) -> None:
        self.known[made.id] = made
        over = [id for id, each in self.known.items() if each.exit_code is not None]
        for id in over[: max(0, len(over) - _REMEMBERED)]:
            del self.known[id]

    def of(self, container: ContainerId) -> list[str]:
        """Those of a container that have not ended."""
        return [id for id, each in self.known.items() if each.container == container and each.exit_code is None]

    def find(self, id: str) -> Exec:
        """Raises ``RefusedError``."""
        if id not in self.known:
            raise RefusedError(f"No such exec instance: {id}", Refusal.NOT_FOUND)
        return self.known[id]
