"""Commands about the machine: doctor."""

from __future__ import annotations

import sys

import typer

from meshnet.cli import options, show


def register(app: typer.Typer) -> None:
    @app.command("doctor")
    def doctor(json: options.AsJson = False) -> int:
        """Say what a lab needs of this machine and has or lacks. Example: [bold]meshnet doctor[/]"""
        from meshnet.doctor import machine, report

        diagnosis = report.diagnose(machine.look())
        text = report.as_json(diagnosis) if json else report.as_text(diagnosis, colour=show.out.is_terminal)
        sys.stdout.write(text)
        return diagnosis.exit_status
