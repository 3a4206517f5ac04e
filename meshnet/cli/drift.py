"""``meshnet drift`` and ``meshnet repair``: what somebody changed in a running lab's kernel, and putting it right."""

from __future__ import annotations

import typer

from meshnet.cli import options, show
from meshnet.errors import EXIT_CHECK_FAILED, EXIT_DONE
from meshnet.lab.control import rendezvous
from meshnet.lab.control.client import Client

_DRIFT_HELP = """Show how a running lab's kernel differs from what the swarm wants of it.

Each line is a change that would put it right: [bold]+[/] what is missing, [bold]-[/] what is there needlessly,
[bold]~[/] what is otherwise. It needn't stop anything; what does, [bold]meshnet explain[/] says.

Ends with 0 if nothing differs, with 1 otherwise. Example: [bold]meshnet drift[/]"""

_REPAIR_HELP = """Put right what [bold]meshnet drift[/] shows, and show what was done.

What is under the mesh stays as it is: the interfaces of the topology, and machines that are in no swarm.

Example: [bold]meshnet repair[/]"""


def register(app: typer.Typer) -> None:
    @app.command("drift", help=_DRIFT_HELP)
    def drift(lab: options.LabName = None, json: options.AsJson = False) -> int:
        lines = _plan(lab, "drift")
        _print(lines, "nothing differs", as_json=json)
        return EXIT_CHECK_FAILED if lines else EXIT_DONE

    @app.command("repair", help=_REPAIR_HELP)
    def repair(lab: options.LabName = None, json: options.AsJson = False) -> None:
        _print(_plan(lab, "repair"), "nothing to repair", as_json=json)


def _plan(lab: str | None, op: str) -> list[str]:
    with Client(rendezvous.connect(rendezvous.find(lab))) as client:
        changes: list[str] = client.call(op)["plan"]
    return changes


def _print(changes: list[str], otherwise: str, *, as_json: bool) -> None:
    if as_json:
        show.as_json({"plan": changes})
        return
    for change in changes or [otherwise]:
        show.out.print(change, markup=False, highlight=False, soft_wrap=True)
