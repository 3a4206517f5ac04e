"""A running lab as the tests hold it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from meshnet.kernel.boot.choose import KernelChoice, choose_kernel
from meshnet.lab.control import capture
from meshnet.lab.control.capture import Completed
from meshnet.lab.control.client import Client
from meshnet.lab.control.wire import Json
from meshnet.lab.launcher import LabProcess
from meshnet.labfolder import Overrides, load_lab


@dataclass
class RunningLab:
    process: LabProcess
    client: Client
    choice: KernelChoice

    @property
    def status(self) -> Json:
        return self.client.call("status")

    def run(self, node: str, command: str, *, stdin: bytes = b"") -> Completed:
        """A shell command on a node."""
        return capture.run(self.client, node, ["sh", "-c", command], stdin=stdin)

    def address(self, node: str) -> str:
        """A node's or client's address on the underlay."""
        return next(str(n["address"]).split("/")[0] for n in self.status["nodes"] if n["name"] == node)

    def tasks(self, service: str) -> list[Json]:
        return [task for task in self.status["tasks"] if task["name"].startswith(f"{service}.")]

    def answers(self, node: str, url: str, count: int = 4) -> list[str]:
        """What ``count`` requests from a node got."""
        return [self.run(node, f"curl -s -m 5 {url}").check().text.strip() for _ in range(count)]

    def drift(self) -> list[str]:
        """How the kernel differs from what the lab wants of it, a line each."""
        return list(self.client.call("drift")["plan"])


@contextlib.contextmanager
def running(
    folder: Path | None = None,
    overrides: Overrides | None = None,
    *,
    kernel: str = "auto",
    output: Path | None = None,
) -> Iterator[RunningLab]:
    """A lab in that kernel, taken down at the end."""
    spec = load_lab(folder, overrides or Overrides())
    choice = choose_kernel(kernel)
    process = LabProcess.start(choice.kind, output)
    try:
        process.bring_up(spec, choice, lambda stage: None)
        with process.client() as client:
            yield RunningLab(process, client, choice)
    finally:
        process.stop()
