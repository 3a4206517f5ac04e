"""A running lab, as people see it: its nodes, services and tasks, and what to try."""

from __future__ import annotations

from meshnet.cli import show
from meshnet.lab.control.wire import Json
from meshnet.model import short_id


def status_table(status: Json) -> None:
    """A lab's nodes, services and tasks."""
    nodes = show.table("NODE", "ROLE", "ADDRESS", "ENGINE", "NAMESPACES")
    for node in status["nodes"]:
        nodes.add_row(node["name"], node["role"], node["address"], node["engine"] or "", " ".join(node["namespaces"]))
    show.out.print(nodes, "")
    if status["services"]:
        services = show.table("SERVICE", "REPLICAS", "IMAGE", "PORTS", "VIP")
        for service in status["services"]:
            replicas = f"{service['running']}/{service['replicas']}"
            vips = ", ".join(f"{address.split('/')[0]} ({network})" for network, address in service["vips"].items())
            services.add_row(service["name"], replicas, service["image"], ", ".join(service["ports"]), vips)
        show.out.print(services, "")
    if status["tasks"]:
        tasks = show.table("TASK", "NODE", "CONTAINER", "STATE", "ADDRESSES")
        for task in status["tasks"]:
            addresses = ", ".join(f"{address} ({network})" for network, address in task["addresses"].items())
            state = f"{task['state']} {task['message']}".strip()
            tasks.add_row(_short(task["name"]), task["node"] or "", task["hostname"], state, addresses)
        show.out.print(tasks)


def _short(task: str) -> str:
    """A task's name with its id cut as ``docker ps`` cuts ids."""
    service, slot, task_id = task.rsplit(".", 2)
    return f"{service}.{slot}.{short_id(task_id)}"


def welcome(status: Json, seconds: float) -> None:
    """What a person sees when a lab is up: what there is, and what to try."""
    status_table(status)
    show.out.print(f"\nup in {seconds:.1f} s. Try:")
    for line in status["hints"]:
        show.out.print(f"  [bold]{line}[/]", markup=True)
    show.out.print("\n[dim]help lists Mininet's commands; Ctrl-D leaves and takes the lab down.[/]")
