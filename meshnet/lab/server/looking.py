"""The prompt's own ``trace`` and ``explain``: what the commands of these names do, without a program to start."""

from __future__ import annotations

import argparse
import asyncio
import shlex
from collections.abc import Coroutine, Iterable
from typing import NoReturn

from meshnet.errors import InputError
from meshnet.lab import observing
from meshnet.lab.control.trace_request import PROTOCOLS, trace_request
from meshnet.lab.control.wire import Json
from meshnet.lab.lab import Lab
from meshnet.path import trace_json
from meshnet.path.explanation import explanation
from meshnet.path.picture import Line, picture


def trace(lab: Lab, line: str) -> None:
    """``SRC DST[:PORT]`` and options. Raises ``MeshnetError``."""
    words = _parser().parse_args(shlex.split(line))
    asked = trace_request(
        words.source,
        words.destination,
        protocol=words.proto,
        size=words.size,
        ttl=words.ttl,
        predict_only=words.predict_only,
    )
    made = trace_json.load(_answer(lab, observing.trace(lab, asked)))
    _print(picture(made, everything=words.verbose, answers=words.reply))


def explain(lab: Lab) -> None:
    """Raises ``MeshnetError``."""
    _print(explanation(_answer(lab, observing.explain(lab))))


def _answer(lab: Lab, asking: Coroutine[None, None, Json]) -> Json:
    """What comes of it in the event loop, while the prompt's thread waits."""
    return asyncio.run_coroutine_threadsafe(asking, lab.loop).result()


def _print(lines: Iterable[Line]) -> None:
    from rich.console import Console  # slow to import, and most labs are never asked
    from rich.text import Text

    console = Console(highlight=False, soft_wrap=True)
    for line in lines:
        console.print(Text.assemble(*line))


class _Parser(argparse.ArgumentParser):
    """One that tells of a mistake in a sentence instead of ending the lab."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}; {self.format_usage().strip()}")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="trace", add_help=False)
    parser.add_argument("source", metavar="SRC")
    parser.add_argument("destination", metavar="DST[:PORT]")
    parser.add_argument("--proto", choices=PROTOCOLS)
    parser.add_argument("--no-reply", dest="reply", action="store_false")
    parser.add_argument("--predict-only", action="store_true")
    parser.add_argument("--verbose", "-v", action="store_true")
    parser.add_argument("--size", type=int, metavar="BYTES")
    parser.add_argument("--ttl", type=int, metavar="N")
    return parser
