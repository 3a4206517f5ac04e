"""Each command imports what it needs: what looks at a running lab is typed again and again, and has to be quick."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from itertools import groupby

import pytest
import typer

from meshnet import cli

HEAVY = ("meshnet.compose", "meshnet.labfolder", "meshnet.lab.lab", "meshnet.predict", "meshnet.kernel.apply", "scapy")
OF_RUNNING_LABS = ("ls", "exec", "sh", "status", "down", "capture", "trace", "explain", "drift", "repair")


def imported_by(command: str) -> set[str]:
    script = f"import sys; from meshnet.cli import main; main(['{command}', '--help']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("command", OF_RUNNING_LABS)
def test_what_looks_at_a_running_lab_imports_nothing_of_what_brings_one_up(command: str) -> None:
    assert not imported_by(command) & set(HEAVY)


def test_what_brings_a_lab_up_does() -> None:
    assert "meshnet.labfolder" in imported_by("lab")


def test_each_module_has_the_commands_it_is_said_to_have() -> None:
    for name, commands in groupby(cli._MODULES, key=cli._MODULES.__getitem__):
        app = typer.Typer()
        import_module(f"meshnet.cli.{name}").register(app)
        assert [command.name for command in app.registered_commands] == list(commands)
