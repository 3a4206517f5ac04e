"""The containers of one node, a service's task's and others alike: what a client sees of either."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Interface

from meshnet.engine_api import images
from meshnet.lab.workloads import Catalogue
from meshnet.model import (
    Attachment,
    ClusterState,
    Container,
    ContainerId,
    ContainerState,
    NetworkId,
    NetworkMode,
    Node,
    NodeId,
    PortConfig,
    PublishMode,
    RestartCondition,
    Task,
    TaskState,
    short_id,
)

RESTARTING = "restarting"
"""The status of a container that its policy brings back in a moment."""

_POLICY_NAMES = {RestartCondition.NONE: "no", RestartCondition.ON_FAILURE: "on-failure", RestartCondition.ANY: "always"}


@dataclass(frozen=True, slots=True)
class Resident:
    """One container as its engine knows it. Instants are nanoseconds, 0 for what has not been.

    ``attachments`` and ``bridges`` are its places on networks now; ``networks`` those it was asked onto, by name.
    ``ports`` are published on the node itself. ``status`` is Docker's ``State.Status``. ``extras`` holds the parts of
    the request it was made by (``Config``, ``HostConfig``) that have no bearing here, to be given back.
    """

    id: ContainerId
    node: Node
    name: str
    image: str
    status: str
    sandbox: str
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    hostname: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    created: int = 0
    started: int = 0
    finished: int = 0
    exit_code: int = 0
    error: str = ""
    pid: int = 0
    restarts: int = 0
    terminal: bool = False
    open_stdin: bool = False
    auto_remove: bool = False
    restart: str = ""
    max_attempts: int = 0
    stop_signal: str = ""
    stop_grace: int | None = None
    attachments: tuple[Attachment, ...] = ()
    bridges: Mapping[NetworkId, IPv4Interface] = field(default_factory=dict)
    networks: tuple[str, ...] = ()
    aliases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    addresses: Mapping[str, str] = field(default_factory=dict)
    ports: tuple[PortConfig, ...] = ()
    is_task: bool = False
    extras: Mapping[str, object] = field(default_factory=dict)
    made: images.Made = field(default_factory=images.Made)

    @property
    def running(self) -> bool:
        return self.status == ContainerState.RUNNING

    @property
    def on_host(self) -> bool:
        """Whether it has its node's own network namespace."""
        return NetworkMode.HOST in self.networks

    @property
    def argv(self) -> tuple[str, ...]:
        """What it runs: what was asked for over what its image says."""
        if self.command or self.args:
            return (*(self.command or self.made.entrypoint), *self.args)
        return (*self.made.entrypoint, *self.made.command)

    @property
    def short(self) -> str:
        return short_id(self.id)


def on(state: ClusterState, node: NodeId, catalogue: Catalogue) -> Iterator[Resident]:
    """A node's containers, the one made last first, as ``docker ps -a`` lists them."""
    there = [*_of_tasks(state, node), *_others(state, node)]
    for resident in sorted(there, key=lambda resident: resident.created, reverse=True):
        yield replace(resident, made=images.made(resident.image, catalogue.entry(resident.image)))


def of_task(state: ClusterState, task: Task) -> Resident | None:
    """The container of a task, or None where there is none: not yet, or it never came to one."""
    if task.node is None or not (task.placed or (task.ended and task.exit_code is not None)):
        return None
    node = state.nodes.get(task.node)
    if node is None:
        return None
    spec = task.spec
    labels = {
        **spec.container_labels,
        "com.docker.swarm.node.id": node.id,
        "com.docker.swarm.service.id": task.service,
        "com.docker.swarm.service.name": spec.name,
        "com.docker.swarm.task": "",
        "com.docker.swarm.task.id": task.id,
        "com.docker.swarm.task.name": task.name,
    }
    running = task.state is TaskState.RUNNING
    ended = task.ended
    return Resident(
        id=task.container,
        node=node,
        name=task.name,
        image=spec.image,
        status="running" if running else "exited" if ended else "created",
        sandbox=task.sandbox,
        command=spec.command,
        args=spec.args,
        env=spec.env,
        hostname=task.hostname,
        labels=labels,
        created=task.meta.created,
        started=task.since if running else task.meta.created if ended else 0,
        finished=task.since if ended else 0,
        exit_code=task.exit_code or 0,
        error=task.error if ended else "",
        pid=task.pid if running else 0,
        terminal=bool(spec.container_extras.get("TTY")),
        open_stdin=bool(spec.container_extras.get("OpenStdin")),
        stop_signal=spec.stop_signal,
        stop_grace=spec.stop_grace_period,
        attachments=task.attachments if task.placed else (),
        aliases=spec.aliases,
        ports=tuple(port for port in task.ports if port.mode is PublishMode.HOST) if task.placed else (),
        is_task=True,
    )


def _of_tasks(state: ClusterState, node: NodeId) -> Iterator[Resident]:
    for task in state.tasks.values():
        if task.node == node and (resident := of_task(state, task)) is not None:
            yield resident


def _others(state: ClusterState, node: NodeId) -> Iterator[Resident]:
    for container in state.containers.values():
        if container.node == node:
            yield of_container(state.nodes[node], container)


def of_container(node: Node, container: Container) -> Resident:
    """A container outside services. Its ``made`` is empty, like that of ``of_task``: ``on`` looks it up."""
    spec = container.spec
    waiting = container.wanted and container.start_after is not None
    return Resident(
        id=container.id,
        node=node,
        name=container.name,
        image=spec.image,
        status=RESTARTING if waiting else container.state.value,
        sandbox=container.sandbox,
        command=spec.command,
        args=spec.args,
        env=spec.env,
        hostname=container.hostname,
        labels=spec.labels,
        created=container.created,
        started=container.started,
        finished=container.finished,
        exit_code=container.exit_code,
        error=container.error,
        pid=container.pid,
        restarts=container.restarts,
        terminal=spec.terminal,
        open_stdin=spec.open_stdin,
        auto_remove=spec.auto_remove,
        restart=_policy_name(spec.restart, spec.extras),
        max_attempts=spec.max_attempts,
        stop_signal=spec.stop_signal,
        stop_grace=spec.stop_grace,
        attachments=container.attachments,
        bridges=container.bridges,
        networks=spec.networks,
        aliases=spec.aliases,
        addresses=spec.addresses,
        ports=container.ports if container.state is ContainerState.RUNNING else (),
        extras=spec.extras,
    )


def _policy_name(condition: RestartCondition, extras: Mapping[str, object]) -> str:
    """``unless-stopped`` is ``always`` to the model: only how a daemon starts again tells them apart."""
    asked = extras.get("RestartPolicy")
    return asked if isinstance(asked, str) else _POLICY_NAMES[condition]
