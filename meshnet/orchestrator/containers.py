"""Containers outside services: from ``docker create`` to their end.

moby daemon/{create,start,delete}.go, restartmanager. A container has its addresses and ports from its start to its end;
one that waits to be restarted keeps them here, where Docker gives them anew.
"""

from __future__ import annotations

from dataclasses import replace

from meshnet.errors import Refusal, RefusedError
from meshnet.model import (
    SECOND,
    ClusterState,
    Container,
    ContainerId,
    ContainerState,
    NetworkMode,
    NodeId,
    RestartCondition,
)
from meshnet.orchestrator import attaching, container_names, host_ports, nodes
from meshnet.orchestrator.commands import ContainerExited, ContainerRefused, ContainerStarted, CreateContainer
from meshnet.orchestrator.draft import Draft

RESTART_PAUSE = SECOND
"""The least between two starts of a container that is restarted."""

CANNOT_START = 127
"""Exit code of a container that could not be started at all."""


def create(draft: Draft, command: CreateContainer) -> str:
    """Make a container that does not run yet. Raises ``RefusedError``."""
    node = nodes.machine(draft, command.node)
    id = draft.new_container_id()
    taken = _names(draft, node.id)
    name = container_names.check(command.spec.name) if command.spec.name else container_names.drawn(id, taken)
    if name in taken:
        raise RefusedError(
            f'Conflict. The container name "/{name}" is already in use by container "{taken[name]}". '
            "You have to remove (or rename) that container to be able to reuse that name.",
            Refusal.ALREADY_EXISTS,
        )
    spec = attaching.resolved(draft, node, replace(command.spec, name=name))
    draft.containers[id] = Container(
        id=id,
        node=node.id,
        spec=spec,
        sandbox=draft.new_container_id(kind="sandbox"),
        created=draft.now,
    )
    return f"container {name} created on {node.name}"


def start(draft: Draft, id: ContainerId) -> str:
    """Want a container running: give it its addresses and ports. Raises ``RefusedError`` or ``AllocationError``."""
    container = find(draft, id)
    if container.wanted:
        return f"container {container.name} is to run already"
    if container.placed:
        raise RefusedError(f"cannot start container {container.name}: it is being stopped", Refusal.ALREADY_EXISTS)
    networked = NetworkMode.HOST not in container.spec.networks
    ports = host_ports.given(draft, container) if networked else ()
    draft.containers[id] = replace(
        container, wanted=True, ports=ports, exit_code=0, error="", restarts=0, start_after=None
    )
    attaching.attach_all(draft, id)
    return f"container {container.name} started"


def stop(draft: Draft, id: ContainerId) -> str:
    """Want a container no more; one whose process runs goes on until its end is reported. Raises ``RefusedError``."""
    container = find(draft, id)
    draft.containers[id] = replace(container, wanted=False, start_after=None)
    if container.wanted and container.state is not ContainerState.RUNNING:
        _rest(draft, id)
    return f"container {container.name} is to stop"


def remove(draft: Draft, id: ContainerId) -> str:
    """Forget a container that does not run. Raises ``RefusedError``."""
    container = find(draft, id)
    if container.placed:
        raise RefusedError(
            f'cannot remove container "/{container.name}": container is running: '
            "stop the container before removing or force remove",
            Refusal.ALREADY_EXISTS,
        )
    del draft.containers[id]
    return f"container {container.name} removed"


def started(draft: Draft, report: ContainerStarted) -> str:
    """Its process runs."""
    container = draft.containers[report.container]
    draft.containers[container.id] = replace(
        container,
        state=ContainerState.RUNNING,
        started=draft.now,
        pid=report.pid,
        ports=report.ports or container.ports,
        error="",
    )
    return f"container {container.name} runs"


def exited(draft: Draft, report: ContainerExited) -> str:
    """Its process ended: it's wanted again at once if its policy says so, at most once a second; or it rests."""
    container = draft.containers[report.container]
    ended = replace(container, state=ContainerState.EXITED, finished=draft.now, exit_code=report.exit_code, pid=0)
    draft.containers[container.id] = ended
    if ended.wanted and _restarts(ended):
        due = ended.started + RESTART_PAUSE
        draft.containers[container.id] = replace(
            ended, restarts=ended.restarts + 1, start_after=due if due > draft.now else None
        )
    else:
        _rest(draft, container.id)
    return f"container {container.name} ended with {report.exit_code}"


def refused(draft: Draft, report: ContainerRefused) -> str:
    """It can't be started; no policy tries again."""
    container = draft.containers[report.container]
    draft.containers[container.id] = replace(container, exit_code=CANNOT_START, error=report.error, pid=0)
    _rest(draft, container.id)
    return f"container {container.name} can't be started: {report.error}"


def let_time_pass(draft: Draft) -> None:
    """Let those start whose pause is over, and those be gone that remove themselves."""
    for container in list(draft.containers.values()):
        if _goes(container) and container.finished < draft.now:
            del draft.containers[container.id]
        elif container.start_after is not None and container.start_after <= draft.now:
            draft.containers[container.id] = replace(container, start_after=None)


def next_deadline(state: ClusterState) -> int | None:
    """When the next one's pause is over, or the next one is to be gone (nanoseconds), or None."""
    pauses = [each.start_after for each in state.containers.values() if each.start_after is not None]
    return min([*pauses, *(each.finished + 1 for each in state.containers.values() if _goes(each))], default=None)


def find(draft: Draft, id: ContainerId) -> Container:
    """Raises ``RefusedError`` when there is none."""
    container = draft.containers.get(id)
    if container is None:
        raise RefusedError(f"No such container: {id}", Refusal.NOT_FOUND)
    return container


def _rest(draft: Draft, id: ContainerId) -> None:
    """It is over: its addresses and ports are free."""
    attaching.detach_all(draft, id)
    container = replace(draft.containers[id], wanted=False, start_after=None, ports=())
    if container.state is ContainerState.RUNNING:
        container = replace(container, state=ContainerState.EXITED, finished=draft.now)
    draft.containers[id] = container


def _goes(container: Container) -> bool:
    """Whether it ended and removes itself. That is a step of its own: whoever waits for its end sees how it ended."""
    return container.spec.auto_remove and not container.placed and (container.finished > 0 or bool(container.error))


def _restarts(container: Container) -> bool:
    policy = container.spec
    if policy.restart is RestartCondition.ON_FAILURE:
        again = not policy.max_attempts or container.restarts < policy.max_attempts
        return container.exit_code != 0 and again
    return policy.restart is RestartCondition.ANY


def _names(draft: Draft, node: NodeId) -> dict[str, ContainerId]:
    """The names there are on a node, and whose they are."""
    own = {container.name: container.id for container in draft.containers.values() if container.node == node}
    return {**own, **{task.name: task.container for task in draft.tasks_on(node)}}
