"""``meshnet tour``: the article, walked through on a lab of one's own."""

from __future__ import annotations

import os
import re

import typer

from meshnet.cli import options, show
from meshnet.cli.lab import up, wanted
from meshnet.errors import EXIT_CHECK_FAILED
from meshnet.kernel.boot.choose import AUTO
from meshnet.lab.control import capture
from meshnet.lab.control.client import Client
from meshnet.lab.control.wire import Json
from meshnet.tour import STEPS, Answer, Step
from meshnet.tour.screen import as_seen
from meshnet.tour.step import judge

_TERMINAL = (50, 240)
"""Rows and columns: wide enough for whole lines of ``docker ps``."""

_PLACE = re.compile(r"\{(address|sandbox):([^}]+)\}")


def register(app: typer.Typer) -> None:
    @app.command("tour")
    def tour(kernel: options.Kernel = AUTO, without: options.Without = None) -> int:
        """Walk the article: each command, where it ran, what it prints, and whether that is what it must be.

        Example: [bold]meshnet tour --kernel uml[/]
        """
        asked = wanted(None, kernel=kernel, without=without)
        show.kernel_line(asked.choice.reason)
        with up(asked) as (process, status), process.client() as client:
            answers = [_walk(client, status, step) for step in STEPS]
        failed = sum(1 for answer in answers if answer.problems)
        held = len(answers) - failed
        colour = "red" if failed else "green"
        show.out.print(f"\n[{colour}]{held} of {len(answers)} steps held[/]")
        return EXIT_CHECK_FAILED if failed else 0


def _walk(client: Client, status: Json, step: Step) -> Answer:
    show.out.print(f"\n[dim]# {step.story}[/]")
    shell = _filled(step.shell, status)
    home = f"root@{step.node}:~#" if step.shell else f"{os.environ.get('SUDO_USER', 'you')}@{step.node}:~$"
    if shell:
        show.out.print(f"[bold cyan]you@{step.node}:~$[/] [bold]{shell}[/]")
    output = ""
    for command in step.commands:
        typed = _filled(command, status)
        show.out.print(f"[bold cyan]{home}[/] [bold]{typed}[/]")
        text = _printed(client, step.node, shell, typed)
        show.out.print(text.rstrip("\n"), markup=False)
        output += text if text.endswith("\n") else f"{text}\n"
    answer = judge(step, output)
    for problem in answer.problems:
        show.out.print(f"[red]✗ {problem}[/]", markup=True)
    if not answer.problems:
        show.out.print("[green]✓[/]")
    return answer


def _printed(client: Client, node: str, shell: str, typed: str) -> str:
    """What a command prints: the docker client at a terminal, as the article used it; others need none."""
    terminal = _TERMINAL if typed.startswith("docker ") else None
    stdin = f"{typed}\n".encode() if shell else b""
    argv = ["bash", "-c", shell or typed]
    done = capture.run(client, node, argv, stdin=stdin, env=os.environ, terminal=terminal)
    text = as_seen(done.text) if terminal else done.text
    return text + ("" if done.status == 0 else done.stderr.decode(errors="replace"))


def _filled(text: str, status: Json) -> str:
    """``text`` with this lab's addresses and sandboxes in place."""

    def fill(match: re.Match[str]) -> str:
        kind, name = match.groups()
        if kind == "address":
            return str(next(node["address"] for node in status["nodes"] if node["name"] == name)).split("/")[0]
        return str(next(task["sandbox"] for task in status["tasks"] if task["name"].startswith(f"{name}.")))

    return _PLACE.sub(fill, text)
