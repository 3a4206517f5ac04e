"""How things look on a terminal, and plainly off one."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.table import Table

from meshnet.lab.control.wire import Json

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def as_json(value: object) -> None:
    out.print_json(json.dumps(value)) if out.is_terminal else out.print(json.dumps(value), markup=False)


def kernel_line(reason: str) -> None:
    err.print(f"[dim]kernel:[/] {reason}")


@contextlib.contextmanager
def stages() -> Iterator[Callable[[str], None]]:
    """Shows what is being done on a terminal while it is done, and how long the whole took; silent off one."""
    began = time.monotonic()
    if not err.is_terminal:
        yield lambda stage: None
        return
    with err.status("starting the kernel") as status:

        def show(stage: str) -> None:
            status.update(f"{stage} [dim]{time.monotonic() - began:.1f} s[/]")

        yield show


def table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def program_status(answer: Json) -> int:
    """A program's exit status; says why where it could not be started."""
    if "problem" in answer:
        err.print(f"meshnet: {answer['problem']}", markup=False)
    return int(answer["status"])
