"""A checkout on a machine of whose commands some are played: who one is, apt-get, Python and pip."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
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

# Of docker's packages it has those in OFFERED, and with lists of one's own those in FRESH.
_APT_GET = """
echo "apt-get $*" | sed "s,$PWD,CHECKOUT," >>"$LOG"
case $* in
    *Lists=*download*) OFFERED=${FRESH:-} ;;
esac
case $* in
    *download*)
        for word; do :; done
        case " ${OFFERED-docker.io} " in
            *" $word "*) touch "$word.deb" ;;
            *) echo "no $word to be had" >&2; exit 100 ;;
        esac ;;
    *install*) for word; do printf '#!/bin/sh\\n' >"$FAKES/tool-of-$word"; chmod +x "$FAKES/tool-of-$word"; done ;;
esac
"""

# As far as a package is looked into: CLIENT is the client's file.
_DPKG_DEB = """
case $1 in
    --field) echo 5:24.0.7-1~debian13u2 ;;
    --fsys-tarfile) cd "$(dirname "$CLIENT")/../.." && exec tar -cf - ./usr/bin/docker ;;
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
    """``checkout`` is a folder with the project's scripts; ``log`` a file with a line for each played command;
    ``path`` is where the commands are that are not played."""

    checkout: Path
    fakes: Path
    log: Path
    path: str = os.defpath

    @property
    def client(self) -> Path:
        """The docker client in the package that apt-get has."""
        return self.log.parent / "package/usr/bin/docker"

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
            "PATH": f"{self.fakes}:{self.path}",
            "PYTHON": str(self.fakes / "python"),
            "FAKES": str(self.fakes),
            "LOG": str(self.log),
            "CLIENT": str(self.client),
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

    def without_docker(self) -> FakeMachine:
        """This machine with no docker command of its own, whatever the real one has."""
        (self.fakes / "docker").unlink()
        folder = self.log.parent / "commands"
        folder.mkdir()
        for file in (file for each in os.defpath.split(os.pathsep) for file in Path(each).iterdir()):
            if file.name != "docker" and not (folder / file.name).is_symlink():
                (folder / file.name).symlink_to(file)
        return replace(self, path=str(folder))

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
    machine.play("dpkg-deb", _DPKG_DEB)
    shutil.copy("/bin/true", machine.fakes / "docker")
    machine.client.parent.mkdir(parents=True)
    shutil.copy("/bin/true", machine.client)
    machine.play("chown", 'echo "chown $*" >>"$LOG"')
    return machine
