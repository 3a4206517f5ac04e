"""A task for a workload to run in: namespaces of its own with nothing but ``lo``, on a node of its own."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Interface
from typing import Any

from meshnet.kernel.namespaces import NetNamespace
from meshnet.lab.net.inside import Inside
from meshnet.lab.net.interior import Interior, make_interior
from meshnet.lab.net.wiring import Wiring
from meshnet.lab.workloads import TaskContext

CONTAINER = "4c3126dbf2c15a91e4428808fe5a306897649451844a5443d5cb3dacafbb1ee9"


@dataclass(frozen=True, slots=True)
class Place:
    """Where tests start their tasks. Behind walls only."""

    node: Interior
    sandbox: NetNamespace

    @classmethod
    def make(cls) -> Place:
        sandbox = NetNamespace.create()
        Wiring(sandbox, "a task").set_up("lo")
        return cls(make_interior("swarm-manager"), sandbox)

    def task(self, image: str, **more: Any) -> TaskContext:
        return TaskContext(
            image=image,
            task_id="ofux6zxtya0f15hucklga3ta4",
            task_name="whoami.2.ofux6zxtya0f15hucklga3ta4",
            container_id=CONTAINER,
            node_name="swarm-manager",
            namespace=self.sandbox,
            home=self.node,
            addresses=(IPv4Interface("10.0.0.7/24"), IPv4Interface("10.0.2.3/24")),
            **more,
        )

    @property
    def inside(self) -> Inside:
        return Inside(self.sandbox.fd)
