"""What becomes of a task: from being assigned to running, and from being told to stop to having ended.

docker-swarm-facts sections 1.10, 4.3, 4.4 and 4.7; swarmkit agent/exec, moby daemon/cluster/executor/container. Images
are there at once, so that an assigned task is ready, and starts if it may, within the same step.
"""

from __future__ import annotations

from dataclasses import replace

from meshnet.model import MINUTE, SECOND, NodeId, ServiceId, Task, TaskState
from meshnet.orchestrator import host_ports, tasks
from meshnet.orchestrator.commands import ContainerExited, ContainerRefused, ContainerStarted, Report
from meshnet.orchestrator.draft import Draft

DRAIN = 2 * SECOND
"""Between taking a task's backends out and asking its container to end: what engines give the news to go round."""

STOP_TIMEOUT = MINUTE
"""How long a replacement waits for the one before it to stop."""

REMEMBERED_FAILURES = 5
"""How many failures of a service on a node are kept: so many put the node last."""

STARTED, FINISHED, SHUT_DOWN = "started", "finished", "shutdown"
NON_ZERO = "task: non-zero exit ({})"


def report(draft: Draft, told: Report) -> str:
    """Take down what an engine says of a task's container; what is said of one that is over or gone changes nothing."""
    task = next((task for task in draft.tasks.values() if task.container == told.container), None)
    if task is None or not task.placed:
        return "report of a container that is gone"
    match told:
        case ContainerStarted():
            return _started(draft, task, told)
        case ContainerExited(exit_code=code):
            return _exited(draft, task, code)
        case ContainerRefused(error=error):
            return _refused(draft, task, error)


def release_ready(draft: Draft) -> None:
    """Let those start that were held back: their time has come, and whatever they replace has stopped."""
    stopping: set[tuple[ServiceId, int | NodeId]] = {
        (task.service, task.slot_key)
        for task in draft.tasks.values()
        if task.placed and not task.wanted and draft.is_up(task.node)
    }
    for task in list(draft.tasks.values()):
        if task.desired is not TaskState.READY:
            continue
        if task.start_after is not None and task.start_after > draft.now:
            continue
        waits = (task.service, task.slot_key) in stopping and draft.now < task.meta.created + STOP_TIMEOUT
        desired = TaskState.READY if waits else TaskState.RUNNING
        draft.tasks[task.id] = replace(task, desired=desired, start_after=None)


def advance(draft: Draft) -> None:
    """Take every task that has a node as far as it may go."""
    for task in list(draft.tasks.values()):
        if not TaskState.ASSIGNED <= task.state <= TaskState.READY or not draft.is_up(task.node):
            continue
        if task.desired is TaskState.RUNNING:
            ports = host_ports.for_task(draft, task)
            draft.tasks[task.id] = replace(
                task, state=TaskState.STARTING, since=draft.now, message="starting", ports=ports
            )
        elif task.desired is TaskState.READY and task.state < TaskState.READY:
            draft.tasks[task.id] = replace(task, state=TaskState.READY, since=draft.now, message="prepared")


def retire(draft: Draft) -> None:
    """Lead out every task that is not wanted any more. One on a node that is down can't be told."""
    for task in list(draft.tasks.values()):
        if task.wanted:
            continue
        if task.ended:
            if task.desired is TaskState.REMOVE or task.service not in draft.services:
                del draft.tasks[task.id]
        elif not task.placed:
            tasks.end(draft, task, TaskState.SHUTDOWN, SHUT_DOWN, task.error)
        elif task.node not in draft.nodes:
            del draft.tasks[task.id]
        elif draft.is_up(task.node) and not task.stopping:
            _drain(draft, task)


def _drain(draft: Draft, task: Task) -> None:
    if task.state is TaskState.RUNNING and task.drain_until is None:
        draft.tasks[task.id] = replace(task, drain_until=draft.now + DRAIN)
    elif task.drain_until is None or task.drain_until <= draft.now:
        draft.tasks[task.id] = replace(task, drain_until=None, stopping=True)


def _started(draft: Draft, task: Task, told: ContainerStarted) -> str:
    if task.state is TaskState.STARTING:
        task = replace(task, state=TaskState.RUNNING, since=draft.now, message=STARTED, error="")
    draft.tasks[task.id] = replace(task, pid=told.pid, ports=told.ports or task.ports)
    return f"{name(task)} runs"


def _exited(draft: Draft, task: Task, code: int) -> str:
    if not task.wanted:
        tasks.end(draft, task, TaskState.SHUTDOWN, SHUT_DOWN, task.error, code)
        return f"{name(task)} stopped"
    if code == 0:
        tasks.end(draft, task, TaskState.COMPLETE, FINISHED, exit_code=0)
        return f"{name(task)} finished"
    tasks.end(draft, task, TaskState.FAILED, STARTED, NON_ZERO.format(code), code)
    _remember(draft, task)
    return f"{name(task)} failed: {NON_ZERO.format(code)}"


def _refused(draft: Draft, task: Task, error: str) -> str:
    if not task.wanted:
        tasks.end(draft, task, TaskState.SHUTDOWN, SHUT_DOWN, error)
        return f"{name(task)} stopped"
    tasks.end(draft, task, TaskState.REJECTED, "preparing", error)
    _remember(draft, task)
    return f"{name(task)} can't be started: {error}"


def _remember(draft: Draft, task: Task) -> None:
    service = draft.services.get(task.service)
    if service is not None and task.node is not None and task.spec_version == service.spec_version:
        latest = (*service.failures.get(task.node, ()), draft.now)[-REMEMBERED_FAILURES:]
        draft.services[service.id] = replace(service, failures={**service.failures, task.node: latest})


def name(task: Task) -> str:
    """As people call it: ``web.2``, a global service's ``web``."""
    return f"{task.service_name}.{task.slot}" if task.slot else task.service_name
