"""A lab: Mininet's network, the swarm on it, and the loop that keeps the kernel at what the swarm has decided."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path

from meshnet.errors import InputError
from meshnet.kernel import iptables
from meshnet.kernel.apply import Kernel
from meshnet.kernel.boot.needs import Feature
from meshnet.kernel.namespaces import NetNamespace
from meshnet.lab import netns_files, toolbox
from meshnet.lab.control.wire import Json
from meshnet.lab.net.host import LabHost
from meshnet.lab.net.net import LabNet
from meshnet.lab.report import status_of
from meshnet.lab.tasks import TaskRunner
from meshnet.lab.workloads import Catalogue
from meshnet.lab.workloads.task import Home
from meshnet.mesh import render
from meshnet.model import ClusterState
from meshnet.model.lab import LabSpec
from meshnet.netstate import NamespaceRef, NetState
from meshnet.orchestrator import Command, ScaleService, deploy, form_lab, step
from topo import registry

Progress = Callable[[str], None]


class Lab:
    """``bring_up`` once; afterwards every change goes through ``change``, one at a time, from any thread but the event
    loop's. What it makes goes with the process: there is nothing to close."""

    def __init__(
        self, spec: LabSpec, loop: asyncio.AbstractEventLoop, without: Iterable[str] = (), docker: Path | None = None
    ) -> None:
        self.spec = spec
        self.net: LabNet
        self._loop = loop
        self._docker = docker
        self._without = frozenset(Feature(name) for name in without)
        self._state: ClusterState
        self._kernel: Kernel
        self._tasks = TaskRunner(Catalogue(spec.images), self._home)
        self._change = threading.Lock()

    def bring_up(self, progress: Progress) -> None:
        """Build all of it. ``progress`` hears of each stage as it begins."""
        progress("trying the kernel's iptables")
        flavour = iptables.flavour()
        toolbox.install(flavour, self._docker)
        progress("cabling the nodes")
        topology = registry.find(self.spec.topology)(**self.spec.parameters)
        self.net = LabNet(topology, shaping=Feature.NETEM not in self._without)
        self.net.start()
        self._kernel = Kernel(flavour, on_created=self._name, on_dropped=self._unname)
        for machine in self.spec.machines:
            self._kernel.adopt(NamespaceRef(machine.name), self.node(machine.name).interior.namespace)
        progress("placing the tasks")
        state = form_lab(self.spec)
        for command in deploy(self.spec.stack):
            state = step(state, command)
        progress("building the mesh")
        self._follow(state)

    def node(self, name: str) -> LabHost:
        """The host of that name; ``InputError`` with the names there are."""
        if name not in self.spec.hosts:
            raise InputError(f"no node called {name}; this lab has {', '.join(self.spec.hosts)}")
        host: LabHost = self.net[name]
        return host

    def change(self, command: Command) -> None:
        """Ask something of the swarm, and follow with the kernel. Raises ``AllocationError`` or ``InputError`` with
        everything as it was."""
        with self._change:
            self._follow(step(self._state, command))

    def scale(self, service: str, replicas: int) -> None:
        """``docker service scale SERVICE=REPLICAS``."""
        self.change(ScaleService(service, replicas))

    def drift(self) -> list[str]:
        """What somebody changed in the kernel since: the changes that would put it right, a line each."""
        with self._change:
            return [str(change) for change in self._kernel.plan(self._want(self._state))]

    def repair(self) -> list[str]:
        """Put right what ``drift`` names, what others added included; returns what was done."""
        with self._change:
            return [str(change) for change in self._kernel.apply(self._want(self._state), strict=True)]

    def status(self) -> Json:
        """Nodes, services, tasks, and what to try, as plain values."""
        addresses = {name: str(self.net[name].address) for name in self.spec.hosts}
        return status_of(self.spec, self._state, addresses, sorted(self._kernel.namespaces))

    def _follow(self, state: ClusterState) -> None:
        """Make the kernel and the workloads what ``state`` says."""
        self._on_loop(self._stop_gone(state))
        self._kernel.apply(self._want(state))
        self._state = state
        self._on_loop(self._tasks.start_new(state, self._kernel.namespaces))

    async def _stop_gone(self, state: ClusterState) -> None:
        self._tasks.stop_gone(state)

    def _want(self, state: ClusterState) -> dict[NamespaceRef, NetState]:
        return render(state, without_ipvs=Feature.IPVS in self._without)

    def _on_loop(self, work: Coroutine[None, None, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _home(self, node: str) -> Home:
        return self.node(node).interior

    def _name(self, ref: NamespaceRef, namespace: NetNamespace) -> None:
        """Give a namespace its file under the node's ``/var/run/docker/netns``."""
        netns_files.put(self.node(ref.node).interior, ref.file, namespace.fd)

    def _unname(self, ref: NamespaceRef) -> None:
        netns_files.remove(self.node(ref.node).interior, ref.file)
