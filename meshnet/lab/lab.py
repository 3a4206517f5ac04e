"""A lab: Mininet's network, the swarm on it, and the loop that keeps the kernel at what the swarm has decided."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path
from typing import TypeVar

from meshnet.errors import InputError, LabError
from meshnet.kernel import iptables
from meshnet.kernel.apply import Kernel
from meshnet.kernel.boot.needs import Feature
from meshnet.kernel.namespaces import NetNamespace
from meshnet.kernel.survey import Surveyor
from meshnet.lab import faces, netns_files, toolbox
from meshnet.lab.containers import Containers
from meshnet.lab.control.wire import Json
from meshnet.lab.control_loop import ControlLoop
from meshnet.lab.deadlines import CONVERGED, scaled
from meshnet.lab.net.host import LabHost
from meshnet.lab.net.net import LabNet
from meshnet.lab.proxy import Proxies
from meshnet.lab.report import status_of
from meshnet.lab.resolver.name_service import NameService
from meshnet.lab.running_engines import RunningEngines
from meshnet.lab.workloads import Catalogue
from meshnet.lab.workloads.task import Home
from meshnet.mesh import proxies, render
from meshnet.model import ClusterState, Task, TaskState
from meshnet.model.lab import LabSpec
from meshnet.netstate import NamespaceRef, NetState
from meshnet.netstate.change import Plan
from meshnet.netstate.namespace import SWITCHES
from meshnet.netstate.world import World
from meshnet.orchestrator import Command, ScaleService, deploy, form_lab, restored, step
from topo import registry

Progress = Callable[[str], None]
Result = TypeVar("Result")

_RESOLV_CONF = Path("/run/meshnet/resolv.conf")
"""Every node's ``/etc/resolv.conf``."""


class Lab:
    """``bring_up`` once, from any thread but the event loop's, and everything else in the event loop. What it makes
    goes with the process: there is nothing to close. ``observing`` is for one at a time: whoever has rules traced."""

    def __init__(
        self,
        spec: LabSpec,
        loop: asyncio.AbstractEventLoop,
        without: Iterable[str] = (),
        docker: Path | None = None,
        faces: Iterable[str] = (),
    ) -> None:
        """``docker`` is the client that nodes get, or None for none; ``faces`` are those to open, by name."""
        self.spec = spec
        self.observing = asyncio.Lock()
        self.net: LabNet
        self.flavour: iptables.Flavour
        self.control: ControlLoop
        self.loop = loop
        self._without = frozenset(Feature(name) for name in without)
        self._docker = docker
        self._faces = tuple(faces)
        self._catalogue = Catalogue(spec.images)
        self._kernel: Kernel
        self._surveyor: Surveyor
        self._proxies: dict[str, Proxies]
        self._running: asyncio.Task[None]

    def bring_up(self, progress: Progress) -> None:
        """Build all of it. ``progress`` hears of each stage as it begins."""
        progress("trying the kernel's iptables")
        self.flavour = iptables.flavour()
        toolbox.install(self.flavour, self._docker)
        progress("cabling the nodes")
        topology = registry.find(self.spec.topology)(**self.spec.parameters)
        self.net = LabNet(topology, shaping=Feature.NETEM not in self._without)
        self.net.start()
        self._surveyor = Surveyor(iptables.Iptables(self.flavour))
        self._kernel = Kernel(self.flavour, on_created=self._name, on_dropped=self._unname)
        for machine in self.spec.machines:
            self._kernel.adopt(NamespaceRef(machine.name), self.node(machine.name).interior.namespace)
        progress("placing the tasks")
        now = ControlLoop.now()
        state = form_lab(self.spec, now)
        for command in deploy(self.spec.stack):
            state = step(state, command, now)
        progress("building the mesh")
        self._on_loop(self._start(state))

    def node(self, name: str) -> LabHost:
        """The host of that name; ``InputError`` with the names there are."""
        if name not in self.spec.hosts:
            raise InputError(f"no node called {name}; this lab has {', '.join(self.spec.hosts)}")
        host: LabHost = self.net[name]
        return host

    @property
    def namespaces(self) -> dict[NamespaceRef, NetNamespace]:
        """All there are: every host's own, those inside machines, and the lab's, where the switches are."""
        hosts = {NamespaceRef(host.name): host.interior.namespace for host in self.net.hosts}
        return {SWITCHES: self.net.namespace, **hosts, **self._kernel.namespaces}

    async def change(self, *commands: Command) -> None:
        """Ask something of the swarm, and follow until every task is where it is to be, or stays where it can't be
        helped. Raises ``AllocationError`` or ``InputError`` with everything as it was before the command that can't be,
        and ``LabError`` when it takes too long."""
        for command in commands:
            self.control.submit(command)
        await self._settled()

    async def restore(self, then: ClusterState) -> None:
        """Have the swarm as it was ``then``, and follow as ``change`` does. Containers that have ended since are
        started again, whatever is newer goes at once."""
        await self._containers.end_stopping()
        self.control.become(restored(then, self.control.state, self._containers.running, self.control.now()))
        await self._settled()

    async def scale(self, service: str, replicas: int) -> None:
        """``docker service scale SERVICE=REPLICAS``."""
        await self.change(ScaleService(service, replicas))

    async def at_rest(self, patience: float) -> None:
        """Wait until no task is on its way and the kernel has followed. Raises ``TimeoutError`` when ``patience``, in
        seconds, is over before."""
        async with asyncio.timeout(patience):
            await self.control.followed()
            while _under_way(self.control.state):
                await self.control.changed()
            await self.control.followed()

    async def drift(self) -> list[str]:
        """What somebody changed in the kernel since: the changes that would put it right, in lines."""
        return await self._with_kernel(lambda want: _lines(self._kernel.plan(want)))

    async def repair(self) -> list[str]:
        """Put right what ``drift`` names, what others added included; returns what was done."""
        return await self._with_kernel(lambda want: _lines(self._kernel.apply(want, strict=True)))

    async def world(self) -> World:
        """What all namespaces hold at this moment, as a prediction takes it."""
        async with self.control.kernel_busy:
            return await asyncio.to_thread(self._surveyor.survey, self.namespaces)

    def wanted(self) -> dict[NamespaceRef, NetState]:
        """What the namespaces of its machines should hold, but for what the topology put there."""
        return self._want(self.control.state)

    def status(self) -> Json:
        """Nodes, services, tasks, and what to try, as plain values."""
        addresses = {name: str(self.net[name].address) for name in self.spec.hosts}
        return status_of(self.spec, self.control.state, addresses, sorted(self._kernel.namespaces))

    async def prepare(self, state: ClusterState) -> None:
        """The control loop's: before the kernel follows, let go of what is going."""
        self._containers.prepare(state)
        self._names.let_go(state)

    async def follow(self, state: ClusterState) -> None:
        """The control loop's: once the kernel has followed, start what is new."""
        self._names.follow(state, self._kernel.namespaces)
        await self._containers.start(state, self._kernel.namespaces)
        for name, listening in self._proxies.items():
            await listening.follow(proxies(state, name))

    async def _settled(self) -> None:
        try:
            await self.at_rest(scaled(CONVERGED))
        except TimeoutError as error:
            late = ", ".join(task.name for task in _under_way(self.control.state))
            raise LabError(f"after {scaled(CONVERGED):.0f} s these are still on their way: {late}") from error

    async def _start(self, state: ClusterState) -> None:
        """Let the loop run, and wait until it has followed what the swarm was asked for at first."""
        self.control = ControlLoop(state, self._apply, self)
        hosts = [self.node(name) for name in self.spec.hosts]
        self._names = NameService(lambda: self.control.state, hosts, _RESOLV_CONF)
        self._containers = Containers(self._catalogue, self._home, self._names.resolution, self.control.report)
        self._proxies = {
            machine.name: Proxies(self.node(machine.name).interior.namespace.entered) for machine in self.spec.machines
        }
        self._running = asyncio.create_task(self.control.run())
        engines = RunningEngines(self.control, self._containers, self._catalogue)
        nodes = {machine.name: self.node(machine.name).interior for machine in self.spec.machines}
        faces.open_all(self._faces, engines, nodes)
        await self.control.followed()
        self._surveyor.trust(self.namespaces, self.wanted())

    async def _with_kernel(self, work: Callable[[dict[NamespaceRef, NetState]], Result]) -> Result:
        async with self.control.kernel_busy:
            return await asyncio.to_thread(lambda: work(self.wanted()))

    def _apply(self, state: ClusterState) -> None:
        self._kernel.apply(self._want(state))

    def _want(self, state: ClusterState) -> dict[NamespaceRef, NetState]:
        return render(state, without_ipvs=Feature.IPVS in self._without)

    def _on_loop(self, work: Coroutine[None, None, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self.loop).result()

    def _home(self, node: str) -> Home:
        return self.node(node).interior

    def _name(self, ref: NamespaceRef, namespace: NetNamespace) -> None:
        """Give a namespace its file under the node's ``/var/run/docker/netns``."""
        netns_files.put(self.node(ref.node).interior, ref.file, namespace.fd)

    def _unname(self, ref: NamespaceRef) -> None:
        self._surveyor.let_go(ref)
        netns_files.remove(self.node(ref.node).interior, ref.file)


def _lines(plan: Plan) -> list[str]:
    return [line for change in plan for line in str(change).splitlines()]


def _under_way(state: ClusterState) -> list[Task]:
    """The tasks on their way somewhere: to run, or to their end."""
    return [
        task
        for task in state.tasks.values()
        if TaskState.ASSIGNED <= task.state < TaskState.RUNNING or (task.state is TaskState.RUNNING and not task.serves)
    ]
