"""A checkout on a machine of whose commands some are played: who one is, apt-get, Python and pip."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parents[2]

# Python, as far as the scripts use it. A .venv is made by copying this file there; FAIL says what pip does.
_PYTHON = """
case $*
in
    *realpath*) echo "${PYTHON_ANSWER:-yes 3.11.9 $0}" ;;
    *'import ensurepip'*) [ -z "${NO_ENSUREPIP:-}" ] ;;
    '-m venv .venv')
        echo "venv" >>"$LOG"
        mkdir -p .venv/bin
        cp "$0" .venv/bin/python
        echo "#!$PWD/.venv/bin/python" >.venv/bin/pip ;;
    '-m pip install'*)
        echo "pip" >>"$LOG"
        case ${FAIL:-} in
            pip) echo "no such version" >&2; exit 1 ;;
            killed) kill -KILL $PPID ;;
        esac ;;
esac
"""

_APT_GET = """
echo "apt-get $*" >>"$LOG"
case $* in
    *install*) for word; do printf '#!/bin/sh\\n' >"$FAKES/tool-of-$word"; chmod +x "$FAKES/tool-of-$word"; done ;;
esac
"""

_SETPRIV = """
echo "setpriv $*" | tr '\\n' ' ' >>"$LOG"
echo >>"$LOG"
while [ "$1" != -- ]; do shift; done
shift
exec "$@"
"""


@dataclass(frozen=True, slots=True)
class FakeMachine:
    """``checkout`` is a folder with the project's scripts; ``log`` a file with a line for each played command."""

    checkout: Path
    fakes: Path
    log: Path

    def run(self, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the checkout; the keywords are more environment."""
        return subprocess.run(
            command,
            cwd=self.checkout,
            env=self._environment(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def _environment(self, more: Mapping[str, str]) -> dict[str, str]:
        return {
            "PATH": f"{self.fakes}:{os.defpath}",
            "PYTHON": str(self.fakes / "python"),
            "FAKES": str(self.fakes),
            "LOG": str(self.log),
            **more,
        }

    def play(self, command: str, script: str) -> None:
        """Have ``command`` run ``script`` instead of what it does."""
        path = self.fakes / command
        path.write_text(f"#!/bin/sh\n{script}")
        path.chmod(0o755)

    def become(self, uid: int, *, owner: int) -> None:
        """Be ``uid`` in a checkout that belongs to ``owner``."""
        self.play("id", f'case $1 in -u) echo {uid} ;; *) echo "user-{uid}" ;; esac')
        self.play("stat", f"echo {owner}:{owner}")

    def need(self, *commands: str) -> None:
        """Have a lab use these commands; a package called X brings the command tool-of-X."""
        rows = [f"{command} {command.removeprefix('tool-of-')} lab" for command in commands]
        (self.checkout / "meshnet/doctor/system-tools.txt").write_text("\n".join(["# a comment", *rows, ""]))

    def said(self) -> list[str]:
        """What was logged since this was last asked."""
        lines = self.log.read_text().splitlines()
        self.log.write_text("")
        return lines


def make(folder: Path) -> FakeMachine:
    """A machine with all that labs need but Python packages, and root in a checkout of its own."""
    machine = FakeMachine(folder / "checkout", folder / "fakes", folder / "log")
    machine.fakes.mkdir()
    machine.log.touch()
    shutil.copytree(PROJECT / "scripts", machine.checkout / "scripts")
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(PROJECT / name, machine.checkout)
    for name in ("meshnet/doctor", "topo"):
        (machine.checkout / name).mkdir(parents=True)
    machine.need("sh")
    machine.become(0, owner=0)
    machine.play("python", _PYTHON)
    machine.play("apt-get", _APT_GET)
    machine.play("apt-cache", "case $2 in unheard-of) exit 100 ;; esac")
    machine.play("setpriv", _SETPRIV)
    machine.play("chown", 'echo "chown $*" >>"$LOG"')
    return machine
