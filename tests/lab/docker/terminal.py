"""A docker client at work in a lab."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from meshnet.lab.control.capture import Completed
from meshnet.lab.deadlines import ANSWER, scaled
from tests.lab.labs import RunningLab

MANAGER, WORKER1, WORKER2 = "swarm-manager", "swarm-worker1", "swarm-worker2"


@dataclass(frozen=True)
class Docker:
    """``docker("service ls")`` types that on the manager, with this client."""

    lab: RunningLab
    client: Path

    def typed(self, line: str, *, on: str = MANAGER, stdin: bytes = b"") -> Completed:
        """A shell command line in which ``docker`` is this client, however it ends."""
        return self.lab.run(on, f'docker() {{ {self.client} "$@"; }}; {line}', stdin=stdin)

    def __call__(self, arguments: str, *, on: str = MANAGER, stdin: bytes = b"") -> str:
        """What a command prints that has to end well, without the space around it."""
        return self.typed(f"docker {arguments}", on=on, stdin=stdin).check().text.strip()

    def refused(self, arguments: str, *, on: str = MANAGER, status: int = 1) -> str:
        """What a command that has to fail says of it."""
        done = self.typed(f"docker {arguments}", on=on)
        said = done.stderr.decode().strip()
        assert done.status == status, f"docker {arguments} ended with {done.status}: {done.text}{said}"
        return said

    def lines(self, arguments: str, *, on: str = MANAGER) -> list[str]:
        return self(arguments, on=on).splitlines()

    def until(self, arguments: str, holds: Callable[[str], bool], *, on: str = MANAGER) -> str:
        """What a command prints, once that is as it should be."""
        deadline = time.monotonic() + scaled(ANSWER)
        while True:
            said = self(arguments, on=on)
            if holds(said):
                return said
            assert time.monotonic() < deadline, f"docker {arguments} still says:\n{said}"


def looks_like(pattern: str, said: str) -> bool:
    """Whether all of what was said is of that pattern; spaces stand for any number of them."""
    return re.fullmatch(re.sub(" +", r"\\s+", pattern), said.strip(), re.DOTALL) is not None
