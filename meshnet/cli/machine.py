"""Commands about the machine: doctor, and a command in user-mode Linux without a lab."""

from __future__ import annotations

import sys

import typer

from meshnet.cli import options


def register(app: typer.Typer) -> None:
    @app.command("doctor")
    def doctor(json: options.AsJson = False) -> int:
        """Say what a lab needs of this machine and has or lacks. Example: [bold]meshnet doctor[/]"""
        from meshnet.doctor.__main__ import main

        return main(["--json"] if json else [], sys.stdout)
