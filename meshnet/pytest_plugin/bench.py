"""The lab's process as the tests hold it: started, put back after each test, built anew where that can't be done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from meshnet.errors import LabError, MeshnetError
from meshnet.kernel.boot.choose import KernelChoice, choose_kernel
from meshnet.kernel.boot.needs import ALWAYS_NEEDED, Feature
from meshnet.lab.control.client import Client
from meshnet.lab.control.wire import Json
from meshnet.lab.launcher import LabProcess
from meshnet.labfolder import Overrides, load_lab
from meshnet.model.lab import LabSpec
from meshnet.pytest_plugin.order import LabOrder


@dataclass(slots=True)
class _Running:
    process: LabProcess
    client: Client


class Bench:
    """One lab. ``start`` it, ``stop`` it. It stays the same object when its lab is built anew."""

    def __init__(self, order: LabOrder, kernel: str) -> None:
        """Raises ``UserError`` for a lab that there can't be, and where no kernel could carry it."""
        overrides = Overrides(order.stack, order.topo, order.engine)
        self.spec: LabSpec = load_lab(order.folder, overrides)
        needed = ALWAYS_NEEDED | ({Feature.NETEM} if self.spec.needs_netem else set())
        self.choice: KernelChoice = choose_kernel(kernel, needed=frozenset(needed))
        self._running: _Running | None = None

    def start(self) -> None:
        """Build it. Raises ``MeshnetError``, with nothing left running."""
        process = LabProcess.start(self.choice.kind)
        try:
            process.bring_up(self.spec, self.choice, lambda stage: None)
            self._running = _Running(process, process.client())
            self.call("mark")
        except BaseException:
            self.stop()
            process.stop()
            raise

    def stop(self) -> None:
        running, self._running = self._running, None
        if running is not None:
            running.client.close()
            running.process.stop()

    def rewind(self) -> str:
        """Put it back to where it was at the last mark, by building it anew if need be: why, if it was."""
        try:
            self.call("rewind")
        except MeshnetError as error:
            self.stop()
            self.start()
            return str(error)
        return ""

    def call(self, op: str, **arguments: Any) -> Json:
        """One operation of the lab's, and its answer. Raises what it raises."""
        __tracebackhide__ = True
        return self.client.call(op, **arguments)

    @property
    def client(self) -> Client:
        return self._up.client

    def new_client(self) -> Client:
        """A stream of its own, for what goes on beside other operations."""
        return self._up.process.client()

    @property
    def log(self) -> str:
        """What the lab's process has said on its error output."""
        return self._up.process.log()

    @property
    def _up(self) -> _Running:
        if self._running is None:
            raise LabError("the lab is not running")
        return self._running
