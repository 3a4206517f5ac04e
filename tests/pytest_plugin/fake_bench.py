"""A lab that is none, so that what the plugin says and keeps can be tried without a kernel."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from meshnet.errors import LabError, MachineError
from meshnet.lab.control.wire import Json
from meshnet.path import trace_json
from meshnet.pytest_plugin import capturing, hooks
from meshnet.pytest_plugin.order import LabOrder
from tests.path.journeys import TO_WORKER1, parted, traced

RULES = {"client": "*filter\nCOMMIT\n", "swarm-worker1/ingress_sbox": "*mangle\nCOMMIT\n"}
PCAPNG = b"frames"


class FakeBench:
    """Notes what is asked of it in ``log``. A trace of port 8000 goes as predicted, one of any other parts from it.
    ``problem`` is why there is no lab, ``rebuilds`` why it is built anew, ``lost`` why not even that can be done."""

    log: ClassVar[list[str]] = []
    problem: ClassVar[str] = ""
    rebuilds: ClassVar[str] = ""
    lost: ClassVar[str] = ""

    def __init__(self, order: LabOrder, kernel: str) -> None:
        if self.problem:
            raise MachineError(self.problem)
        self.spec = SimpleNamespace(name="article", hosts=("swarm-worker1", "client"))
        self.log.append(f"order {order.topo or '-'} {','.join(order.engine) or '-'} {kernel}")

    def start(self) -> None:
        self.log.append("start")

    def stop(self) -> None:
        self.log.append("stop")

    def rewind(self) -> str:
        self.log.append("rewind")
        if self.lost:
            raise LabError(self.lost)
        return self.rebuilds

    def call(self, op: str, **arguments: Any) -> Json:
        self.log.append(op)
        if op == "rules":
            return {"rules": RULES}
        if op == "trace":
            return trace_json.dump(traced(TO_WORKER1) if arguments["port"] == 8000 else parted())
        return {"nodes": [], "services": [], "tasks": []}


class FakeRecording:
    def __init__(self, bench: FakeBench, at: object = (), filter: str = "") -> None:
        del bench, at, filter
        self.pcapng = bytearray(PCAPNG)
        self.dropped: dict[str, int] = {}
        self.seen: list[object] = []

    def stop(self) -> None:
        pass


def install(patch: pytest.MonkeyPatch) -> type[FakeBench]:
    """Have the plugin take this for a lab."""
    patch.setattr(hooks, "Bench", FakeBench)
    patch.setattr(capturing, "Recording", FakeRecording)
    patch.setattr(FakeBench, "log", [])
    return FakeBench
