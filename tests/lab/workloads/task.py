"""A task for a workload to run in: namespaces of its own with nothing but ``lo``, on a node of its own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Interface
from typing import Any

from meshnet.kernel import libc
from meshnet.lab.net.inside import Inside, run
from meshnet.lab.net.interior import Interior, make_interior
from meshnet.lab.workloads import TaskContext

CONTAINER = "4c3126dbf2c15a91e4428808fe5a306897649451844a5443d5cb3dacafbb1ee9"


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A task's network namespace."""

    fd: int

    @contextmanager
    def entered(self) -> Iterator[None]:
        before = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        libc.setns(self.fd, libc.CLONE_NEWNET)
        try:
            yield
        finally:
            libc.setns(before, libc.CLONE_NEWNET)
            os.close(before)


@dataclass(frozen=True, slots=True)
class Place:
    """Where tests start their tasks. Behind walls only."""

    node: Interior
    sandbox: Sandbox

    @classmethod
    def make(cls) -> Place:
        network = make_interior("task").network
        run(Inside(network), lambda: subprocess.run(["ip", "link", "set", "lo", "up"], check=True))
        return cls(make_interior("swarm-manager"), Sandbox(network))

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
