"""The command line. ``main`` is the console script; each command is in a module of this package, which is imported when
somebody asks for it: what looks at a running lab has to be quick, and needs nothing of what brings one up."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from importlib import import_module

import typer

from meshnet import __version__
from meshnet.errors import EXIT_INTERRUPTED, EXIT_USER, MeshnetError
from meshnet.kernel.boot.needs import path_with_admin_folders

_MODULES = {
    "lab": "lab",
    "tour": "tour",
    "ls": "running",
    "exec": "running",
    "sh": "running",
    "status": "running",
    "down": "running",
    "capture": "capture",
    "trace": "trace",
    "explain": "trace",
    "drift": "drift",
    "repair": "drift",
    "doctor": "machine",
    "bench": "bench",
}
"""By command, in the order in which help lists them."""


def _app(modules: Iterable[str]) -> typer.Typer:
    app = typer.Typer(
        name="meshnet",
        help="Docker Swarm's routing mesh on a bench: a lab of nodes on a real kernel.",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
    )
    app.callback()(_root)
    for module in modules:
        import_module(f"{__name__}.{module}").register(app)
    return app


def _asked_for(words: Sequence[str]) -> Iterable[str]:
    """The modules that a command line needs: its command's, or all if it names none that there is."""
    command = next((word for word in words if not word.startswith("-")), "")
    return (_MODULES[command],) if command in _MODULES else dict.fromkeys(_MODULES.values())


def _root(
    version: bool = typer.Option(False, "--version", help="Print the version and leave.", is_eager=True),
) -> None:
    if version:
        typer.echo(f"meshnet {__version__}")
        raise typer.Exit


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line; returns the exit status. What follows a ``--`` is a command for the lab, word by word."""
    os.environ["PATH"] = path_with_admin_folders(os.environ.get("PATH", os.defpath))
    words = list(sys.argv[1:] if argv is None else argv)
    command: list[str] = []
    if "--" in words:
        at = words.index("--")
        words, command = words[:at], words[at + 1 :]
    try:
        result = _app(_asked_for(words))(words, standalone_mode=False, obj=command)
    except MeshnetError as error:
        return _complain(str(error), error.exit_status)
    except typer.TyperException as error:
        context = getattr(error, "ctx", None)
        path = context.command_path if context is not None else "meshnet"
        return _complain(f"{error.format_message().rstrip('.')}; try `{path} --help`", EXIT_USER)
    except typer.Exit as end:
        return end.exit_code
    except (typer.Abort, KeyboardInterrupt):
        return EXIT_INTERRUPTED
    return result if isinstance(result, int) else 0


def _complain(sentence: str, status: int) -> int:
    sys.stderr.write(f"meshnet: {sentence}\n")
    return status
