"""How things look on a terminal, and plainly off one."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.table import Table

from meshnet.kernel.boot.choose import KernelChoice
from meshnet.lab.control.wire import Json
from meshnet.model import short_id

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def as_json(value: object) -> None:
    out.print_json(json.dumps(value)) if out.is_terminal else out.print(json.dumps(value), markup=False)


def kernel_line(choice: KernelChoice) -> None:
    err.print(f"[dim]kernel:[/] {choice.reason}")


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


def status_table(status: Json) -> None:
    """A lab's nodes, services and tasks."""
    nodes = table("NODE", "ROLE", "ADDRESS", "ENGINE", "NAMESPACES")
    for node in status["nodes"]:
        nodes.add_row(node["name"], node["role"], node["address"], node["engine"] or "", " ".join(node["namespaces"]))
    out.print(nodes, "")
    if status["services"]:
        services = table("SERVICE", "REPLICAS", "IMAGE", "PORTS", "VIP")
        for service in status["services"]:
            replicas = f"{service['running']}/{service['replicas']}"
            vips = ", ".join(f"{address.split('/')[0]} ({network})" for network, address in service["vips"].items())
            services.add_row(service["name"], replicas, service["image"], ", ".join(service["ports"]), vips)
        out.print(services, "")
    if status["tasks"]:
        tasks = table("TASK", "NODE", "CONTAINER", "STATE", "ADDRESSES")
        for task in status["tasks"]:
            addresses = ", ".join(f"{address} ({network})" for network, address in task["addresses"].items())
            state = f"{task['state']} {task['message']}".strip()
            tasks.add_row(_short(task["name"]), task["node"] or "", task["hostname"], state, addresses)
        out.print(tasks)


def _short(task: str) -> str:
    """A task's name with its id cut as ``docker ps`` cuts ids."""
    service, slot, task_id = task.rsplit(".", 2)
    return f"{service}.{slot}.{short_id(task_id)}"


def welcome(status: Json, seconds: float) -> None:
    """What a person sees when a lab is up: what there is, and what to try."""
    status_table(status)
    out.print(f"\nup in {seconds:.1f} s. Try:")
    for line in status["hints"]:
        out.print(f"  [bold]{line}[/]", markup=True)
    out.print("\n[dim]help lists Mininet's commands; Ctrl-D leaves and takes the lab down.[/]")


def table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
