"""Tasks from being made to being over: ids, addresses, and what is left of them.

docker-swarm-facts sections 4.7 and 4.9; swarmkit manager/orchestrator/task.go and manager/allocator/network.go.
"""

from __future__ import annotations

from dataclasses import replace

from meshnet.errors import AllocationError
from meshnet.model import (
    Attachment,
    EndpointMode,
    Meta,
    NetworkId,
    NodeId,
    PublishMode,
    Service,
    Task,
    TaskId,
    TaskState,
    TaskStory,
)
from meshnet.orchestrator import addresses
from meshnet.orchestrator.draft import Draft


def make(
    draft: Draft,
    service: Service,
    key: int | NodeId,
    *,
    desired: TaskState = TaskState.RUNNING,
    start_after: int | None = None,
) -> Task:
    """A new task of a slot, or of a global service on a node. It has the story's ids, if that tells of one there;
    what is left of the story then is where it will stand."""
    slot, node = (key, None) if isinstance(key, int) else (0, key)
    told = draft.story.task(service.spec.name, slot)
    if told != TaskStory():
        left = TaskStory(addresses=told.addresses, gateway=told.gateway)
        draft.story = draft.story.with_task(service.spec.name, slot, left)
    task = Task(
        id=TaskId(draft.new_swarm_id(told.id)),
        service=service.id,
        spec=service.spec,
        slot=slot,
        node=node,
        ports=service.ports,
        container=draft.new_container_id(told.container),
        sandbox=draft.new_container_id(told.sandbox, "sandbox"),
        spec_version=service.spec_version,
        desired=desired,
        since=draft.now,
        message="created",
        start_after=start_after,
        meta=Meta(draft.version, draft.now, draft.now),
    )
    draft.tasks[task.id] = task
    return task


def want(draft: Draft, task: Task, desired: TaskState, error: str | None = None) -> Task:
    """Let a task come to ``desired``, which only grows; ``error`` says why."""
    task = replace(task, desired=max(task.desired, desired), error=task.error if error is None else error)
    draft.tasks[task.id] = task
    return task


def end(
    draft: Draft, task: Task, state: TaskState, message: str, error: str = "", exit_code: int | None = None
) -> None:
    """A task is over: its addresses are free, and it's history, or forgotten if nobody wants to see it again."""
    release(draft, task.attachments)
    if task.desired is TaskState.REMOVE or task.service not in draft.services or task.state < TaskState.ASSIGNED:
        del draft.tasks[task.id]
        return
    draft.tasks[task.id] = replace(
        task,
        state=state,
        since=draft.now,
        message=message,
        error=error,
        exit_code=exit_code,
        attachments=(),
        pid=0,
        start_after=None,
        drain_until=None,
        stopping=False,
    )


def allocate(draft: Draft) -> None:
    """Give every new task its addresses: on the ingress network first, then in the order of the service's networks.

    A task for which none is left stays new, and says so; it is tried again with every change, as in Docker.
    """
    for task in list(draft.tasks.values()):
        if task.state is TaskState.NEW:
            draft.tasks[task.id] = _allocated(draft, task)


def release(draft: Draft, attachments: tuple[Attachment, ...] | list[Attachment]) -> None:
    for attachment in attachments:
        network = draft.networks.get(attachment.network)
        if network is not None:
            addresses.release(draft, network, attachment.address.ip)


def joined(draft: Draft, service: Service) -> tuple[NetworkId, ...]:
    """The networks that a service's tasks join, in that order."""
    ingress = draft.ingress
    if ingress is not None and service.ingress_ports:
        return (ingress.id, *service.networks)
    return service.networks


def balanced(draft: Draft, service: Service) -> tuple[NetworkId, ...]:
    """The networks on which a service has a virtual address, in the order it gets them."""
    return () if service.spec.endpoint_mode is EndpointMode.DNSRR else joined(draft, service)


def host_ports(task: Task) -> set[tuple[str, int]]:
    """The numbers it binds on its node: protocol and port."""
    return {(port.protocol, port.published) for port in task.ports if port.mode is PublishMode.HOST and port.published}


def _allocated(draft: Draft, task: Task) -> Task:
    told = draft.story.task(task.service_name, task.slot)
    attachments: list[Attachment] = []
    for network_id in joined(draft, draft.services[task.service]):
        network = draft.networks[network_id]
        try:
            address = addresses.take(draft, network, told.addresses.get(network.name))
        except AllocationError as error:
            release(draft, attachments)
            return replace(task, error=str(error))
        attachments.append(Attachment(network_id, address))
    if told.addresses:
        draft.story = draft.story.with_task(task.service_name, task.slot, TaskStory(gateway=told.gateway))
    return replace(
        task,
        state=TaskState.PENDING,
        since=draft.now,
        attachments=tuple(attachments),
        message="pending task scheduling",
        error="",
    )
