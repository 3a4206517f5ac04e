"""``meshnet bench``: how long a lab takes, stage by stage, in each kernel there is. Figures, not verdicts."""

from __future__ import annotations

import json as json_module
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from meshnet.cli import bench_capture, options, show
from meshnet.cli.lab import wanted
from meshnet.errors import LabError, MachineError
from meshnet.kernel.boot.choose import KernelKind
from meshnet.lab.control import capture
from meshnet.lab.control.client import Client
from meshnet.lab.control.wire import Json
from meshnet.lab.launcher import LabProcess

SCHEMA = "meshnet-bench/1"

_MEASURES = {
    "kernel": "from the start to the lab's process speaking (user-mode Linux boots within)",
    "built": "from the start to the lab being built",
    "answered": "from the start to the first answered request through a node without a task",
    "scale": "scaling whoami from 2 to 10 tasks, all ten reachable afterwards",
    "docker": "a round trip of the docker client: docker ps, the tenth of ten in a row",
    "service": "docker service create -d of 3 tasks, from its start to the first answer on its port",
    "down": "taking the lab down, its last process gone",
}

_CLOCK = """
since() { awk -v before="$1" -v now="$(date +%s%N)" 'BEGIN { print (now - before) / 1e9 }'; }
"""
_ROUND_TRIP = (
    _CLOCK
    + """
for time in 1 2 3 4 5 6 7 8 9 10; do began=$(date +%s%N); docker ps -q >/dev/null; done
since $began
"""
)
_SERVICE = (
    _CLOCK
    + """
# a probe that costs next to nothing: a new process would take the one CPU from what is waited for
mkfifo /tmp/never; exec 9<>/tmp/never
began=$(date +%s%N)
docker service create -d --name bench --replicas 3 -p 8099:80 nginx >/dev/null
until [ -n "$answer" ]; do
    if { exec 3<>/dev/tcp/127.0.0.1/8099; } 2>/dev/null; then
        printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3; read -t 1 answer <&3; exec 3>&-
    else
        read -t 0.02 -u 9
    fi
done
since $began
"""
)

_RUNS = Annotated[int, typer.Option("--runs", metavar="N", min=1, help="Runs of each kernel.")]


def register(app: typer.Typer) -> None:
    @app.command("bench")
    def bench(
        runs: _RUNS = 3,
        json: options.AsJson = False,
        write: Annotated[Path | None, typer.Option("--write", metavar="FILE", help="Keep the figures here.")] = None,
    ) -> None:
        """Time the article's lab in each kernel: median (least to most) in seconds.

        Example: [bold]meshnet bench --runs 5[/]
        """
        results: dict[str, list[dict[str, float]]] = {}
        captures: dict[str, Json] = {}
        for kind, without in ((KernelKind.HOST, ()), (KernelKind.HOST, ("ipvs",)), (KernelKind.UML, ())):
            if kind is KernelKind.HOST and any(key.startswith("host") for key in results):
                continue
            label = " ".join([kind.value, *(f"without {feature}" for feature in without)])
            try:
                results[label] = [_once(kind, without) for _ in range(runs)]
                captures[label] = _capture(kind, without)
            except MachineError as error:
                show.err.print(f"{label}: {error}", markup=False)
        report = {"schema": SCHEMA, "unit": "seconds", "measures": _MEASURES, "kernels": results, "capture": captures}
        if write is not None:
            write.write_text(json_module.dumps(report, indent=2) + "\n")
        if json:
            show.as_json(report)
            return
        _print(results)
        bench_capture.show_captures(captures)


def _capture(kind: KernelKind, without: tuple[str, ...]) -> Json:
    asked = wanted(None, kernel=kind.value, without=list(without))
    process = LabProcess.start(asked.choice.kind)
    try:
        process.bring_up(asked.spec, asked.choice, lambda stage: None)
        with process.client() as client:
            return bench_capture.measured(client)
    finally:
        process.stop()


def _once(kind: KernelKind, without: tuple[str, ...]) -> dict[str, float]:
    asked = wanted(None, kernel=kind.value, without=list(without))
    began = time.monotonic()
    figures: dict[str, float] = {}

    def mark(name: str, since: float = began) -> None:
        figures[name] = round(time.monotonic() - since, 3)

    process = LabProcess.start(asked.choice.kind)
    try:
        mark("kernel")
        process.bring_up(asked.spec, asked.choice, lambda stage: None)
        mark("built")
        with process.client() as client:
            if not without:
                capture.run(client, "swarm-worker1", ["curl", "-s", "127.0.0.1:8000"]).check()
                mark("answered")
            before = time.monotonic()
            client.call("scale", service="whoami", replicas=10)
            mark("scale", before)
            if not without:
                _all_answer(10, lambda: capture.run(client, "swarm-worker1", ["curl", "-s", "127.0.0.1:8000"]).text)
            figures["docker"] = _measured(client, _ROUND_TRIP)
            if not without:
                figures["service"] = _measured(client, _SERVICE)
    finally:
        before = time.monotonic()
        process.stop()
        mark("down", before)
    return figures


def _measured(client: Client, script: str) -> float:
    """The seconds that a script on the manager says something took."""
    return round(float(capture.run(client, "swarm-manager", ["bash", "-c", script], env=os.environ).check().text), 3)


def _all_answer(count: int, ask: Callable[[], str]) -> None:
    seen = {ask() for _ in range(count)}
    if len(seen) != count:
        raise LabError(f"{count} requests were to reach {count} tasks, and reached {len(seen)}")


def _print(results: dict[str, list[dict[str, float]]]) -> None:
    table = show.table("MEASURE", *(label.upper() for label in results))
    for measure, meaning in _MEASURES.items():
        cells = []
        for runs in results.values():
            values = [run[measure] for run in runs if measure in run]
            cells.append(_cell(values) if values else "not measured")
        table.add_row(f"{measure}: {meaning}", *cells)
    show.out.print(table)


def _cell(values: list[float]) -> str:
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"
