"""``meshnet lab``: bring a lab up, stand in it or run one command in it, and take it down."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import typer

from meshnet.cli import history, lab_status, options, show
from meshnet.errors import EXIT_INTERRUPTED, EXIT_USER, InputError, LabError
from meshnet.kernel.boot.choose import AUTO, KernelChoice, choose_kernel, parse_without
from meshnet.kernel.boot.needs import ALWAYS_NEEDED, Feature
from meshnet.lab.control import terminal
from meshnet.lab.control.wire import Json
from meshnet.lab.launcher import LabProcess
from meshnet.labfolder import Overrides, load_lab
from meshnet.model.lab import LabSpec

_HELP = """Bring a lab up and stand in it.

Without a command after [bold]--[/] you get Mininet's prompt: [bold]swarm-worker1 curl -s 127.0.0.1:8000[/] runs a
command on a node, Ctrl-D leaves and takes the lab down. With one, it runs on the first manager once the lab answers,
and its exit status is meshnet's.

Examples: [bold]meshnet lab[/] · [bold]meshnet lab examples/wordpress --engine 20.10[/] ·
[bold]meshnet lab --on swarm-worker1 -- curl -s 127.0.0.1:8000[/]"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A lab as asked for on the command line."""

    spec: LabSpec
    choice: KernelChoice
    output: Path | None = None


def wanted(
    folder: Path | None = None,
    *,
    stack: list[Path] | None = None,
    stack_name: str = "",
    topo: str | None = None,
    kernel: str = AUTO,
    without: list[str] | None = None,
    engine: list[str] | None = None,
    seed: str | None = None,
    no_swarm: bool = False,
    output: Path | None = None,
) -> Wanted:
    """Read the lab's files, and choose its kernel. Nothing is started."""
    overrides = Overrides(tuple(stack or ()), topo, tuple(engine or ()), seed, no_swarm, stack_name)
    spec = load_lab(folder, overrides)
    for warning in spec.warnings:
        show.err.print(f"[yellow]note:[/] {warning}", markup=True)
    needed = ALWAYS_NEEDED | ({Feature.NETEM} if spec.needs_netem else set())
    choice = choose_kernel(kernel, needed=frozenset(needed), without=parse_without(tuple(without or ())))
    if output is not None:
        output = output.resolve()
        if output.exists() and not output.is_dir():
            raise InputError(f"{output} is not a folder", where="--output")
        output.mkdir(parents=True, exist_ok=True)
    return Wanted(spec, choice, output)


@contextlib.contextmanager
def up(wanted: Wanted) -> Iterator[tuple[LabProcess, Json]]:
    """The lab, up while the block runs; its process and its status. Termination signals take it down first."""
    with _terminating_gently(), show.stages() as stage:
        process = LabProcess.start(wanted.choice.kind, wanted.output)
        try:
            status = process.bring_up(wanted.spec, wanted.choice, stage)
        except BaseException:
            process.stop()
            raise
    try:
        with _terminating_gently():
            yield process, status
    finally:
        process.stop()


@contextlib.contextmanager
def _terminating_gently() -> Iterator[None]:
    """SIGTERM and SIGHUP unwind as Ctrl-C does, so that the terminal is put right before the lab goes."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def register(app: typer.Typer) -> None:
    @app.command("lab", help=_HELP)
    def lab(
        context: typer.Context,
        folder: options.Folder = None,
        stack: options.Stack = None,
        stack_name: options.StackName = "",
        topo: options.Topology = None,
        kernel: options.Kernel = AUTO,
        without: options.Without = None,
        engine: options.Engine = None,
        seed: options.Seed = None,
        no_swarm: options.NoSwarm = False,
        output: options.Output = None,
        on: str | None = typer.Option(None, "--on", metavar="NODE", help="Run the command on this node."),
    ) -> int:
        asked = wanted(
            folder,
            stack=stack,
            stack_name=stack_name,
            topo=topo,
            kernel=kernel,
            without=without,
            engine=engine,
            seed=seed,
            no_swarm=no_swarm,
            output=output,
        )
        command: list[str] = context.obj
        if on is not None and not command:
            raise InputError("--on wants a command: meshnet lab --on NODE -- COMMAND", where="--on")
        if on is not None and on not in asked.spec.hosts:
            raise InputError(f"no node called {on}; this lab has {', '.join(asked.spec.hosts)}", where="--on")
        show.kernel_line(asked.choice.reason)
        began = time.monotonic()
        with up(asked) as (process, status):
            if command:
                return run_command(process, on or status["first_manager"], command)
            lab_status.welcome(status, time.monotonic() - began)
            return prompt(process)


def run_command(process: LabProcess, node: str, argv: list[str]) -> int:
    """Run a command on a node with this terminal; its exit status."""
    with process.client() as client:
        answer = terminal.join(client, "run", node=node, argv=argv, env=dict(os.environ), folder=str(Path.cwd()))
    return show.program_status(answer)


def prompt(process: LabProcess) -> int:
    """Mininet's prompt on this terminal, or fed from standard input where that is none."""
    if not terminal.is_terminal():
        show.err.print("meshnet: the prompt wants a terminal; give a command: meshnet lab -- COMMAND", markup=False)
        return EXIT_USER
    try:
        with process.client() as client:
            answer = terminal.join(client, "prompt", history=history.read(), env=dict(os.environ))
    except LabError as error:
        show.err.print(f"\nmeshnet: {error}", markup=False)
        return EXIT_INTERRUPTED
    history.append(answer["history"])
    return 0
