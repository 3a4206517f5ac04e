"""Commands for labs that are running, from a second terminal: ls, exec, sh, status, down."""

from __future__ import annotations

import os
from pathlib import Path

import typer

from meshnet.cli import lab_status, options, show
from meshnet.errors import InputError
from meshnet.lab.control import rendezvous, terminal
from meshnet.lab.control.client import Client

_NODE = typer.Argument(metavar="NODE", help="A node of the lab, such as swarm-worker1.")


def _client(lab: str | None) -> Client:
    return Client(rendezvous.connect(rendezvous.find(lab)))


def register(app: typer.Typer) -> None:
    @app.command("ls")
    def ls(json: options.AsJson = False) -> None:
        """List the running labs. Example: [bold]meshnet ls[/]"""
        labs = rendezvous.running()
        if json:
            show.as_json([{"name": lab.name, "pid": lab.pid, "uid": lab.uid} for lab in labs])
            return
        for lab in labs:
            show.out.print(f"{lab.name}\t{lab.pid}", markup=False)

    @app.command("exec")
    def exec_(context: typer.Context, node: str = _NODE, lab: options.LabName = None) -> int:
        """Run a command on a node. Example: [bold]meshnet exec swarm-worker1 -- curl -s 127.0.0.1:8000[/]"""
        argv: list[str] = context.obj
        if not argv:
            raise InputError("give a command after --: meshnet exec NODE -- COMMAND", where="exec")
        return _run(lab, node, argv)

    @app.command("sh")
    def sh(node: str = _NODE, lab: options.LabName = None) -> int:
        """Open a shell on a node. Example: [bold]meshnet sh swarm-worker1[/]"""
        return _run(lab, node, [])

    @app.command("status")
    def status(lab: options.LabName = None, json: options.AsJson = False) -> None:
        """Show a lab's nodes, services and tasks. Example: [bold]meshnet status --json[/]"""
        with _client(lab) as client:
            answer = client.call("status")
        if json:
            show.as_json(answer)
        else:
            lab_status.status_table(answer)

    @app.command("down")
    def down(lab: options.LabName = None) -> None:
        """Take a running lab down. Example: [bold]meshnet down[/]"""
        with _client(lab) as client:
            client.call("down")


def _run(lab: str | None, node: str, argv: list[str]) -> int:
    with _client(lab) as client:
        answer = terminal.join(client, "run", node=node, argv=argv, env=dict(os.environ), folder=str(Path.cwd()))
    return show.program_status(answer)
