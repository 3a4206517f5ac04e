"""Making, scaling and removing services: which slots there are, and the task in each.

docker-swarm-facts sections 4.5 and 4.9; swarmkit manager/orchestrator/replicated and manager/controlapi/service.go.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Interface

from meshnet.errors import AllocationError, InputError
from meshnet.model import (
    Attachment,
    Constraint,
    EndpointMode,
    Network,
    NetworkId,
    PublishMode,
    Service,
    ServiceId,
    ServiceSpec,
    ServiceStory,
    Task,
    TaskId,
    TaskState,
    TaskStory,
)
from meshnet.model.names import check_name
from meshnet.orchestrator import addresses, ports
from meshnet.orchestrator.draft import Draft


def create(draft: Draft, spec: ServiceSpec) -> Service:
    """Take a service on, and make its tasks. Raises ``InputError`` or ``AllocationError`` that says what is wrong."""
    _check(draft, spec)
    networks = _networks(draft, spec)
    ports.check(draft, spec)
    told = draft.story.services.get(spec.name, ServiceStory())
    service = Service(
        id=ServiceId(draft.new_swarm_id(told.id)),
        spec=spec,
        networks=tuple(sorted(network.id for network in networks)),
        ports=ports.given(draft, spec),
    )
    vips = _vips(draft, service, told)
    if spec.name in draft.story.services:
        draft.story = draft.story.with_service(spec.name, ServiceStory(tasks=told.tasks))
    service = replace(service, vips=vips)
    draft.services[service.id] = service
    _add_tasks(draft, service, spec.replicas)
    return service


def scale(draft: Draft, name: str, replicas: int) -> Service:
    """Add tasks, or remove some. Raises ``InputError`` for a service that is not there or fewer than no replicas."""
    service = _named(draft, name)
    if replicas < 0:
        raise InputError("Number of replicas must be non-negative")
    service = replace(service, spec=replace(service.spec, replicas=replicas))
    draft.services[service.id] = service
    ordered = _keepers_first(draft, service)
    for task in ordered[replicas:]:
        _remove_task(draft, task)
    _add_tasks(draft, service, replicas - len(ordered))
    return service


def remove(draft: Draft, name: str) -> Service:
    """Remove a service with all its tasks; its VIPs and ports are free from then on. Raises ``InputError``."""
    service = _named(draft, name)
    for task in list(draft.tasks_of(service)):
        _remove_task(draft, task)
    for network, vip in service.vips.items():
        addresses.release(draft, draft.networks[network], vip.ip)
    del draft.services[service.id]
    return service


def allocate_tasks(draft: Draft) -> None:
    """Give every new task its addresses: on the ingress network first, then in the order of the service's networks.

    A task for which none is left stays new, and says so; it is tried again with every change, as in Docker.
    """
    for task in list(draft.tasks.values()):
        if task.state is TaskState.NEW:
            draft.tasks[task.id] = _allocated(draft, task)


def _check(draft: Draft, spec: ServiceSpec) -> None:
    check_name(spec.name, "service")
    if draft.service_named(spec.name) is not None:
        raise InputError(f"name conflicts with an existing object: service {spec.name} already exists")
    if spec.replicas < 0:
        raise InputError("Number of replicas must be non-negative")
    for constraint in spec.constraints:
        Constraint.parse(constraint)
    names = [node.name for node in draft.nodes.values()]
    for slot, node in spec.pins.items():
        if node not in names:
            raise InputError(f"{spec.name}.{slot} is to run on {node}, and the swarm's nodes are {', '.join(names)}")


def _networks(draft: Draft, spec: ServiceSpec) -> list[Network]:
    networks = []
    for name in dict.fromkeys(spec.networks):
        network = draft.network_named(name)
        if network is None:
            raise InputError(f"network {name} not found")
        if network.ingress:
            raise InputError(f'Service cannot be explicitly attached to the ingress network "{name}"')
        networks.append(network)
    return networks


def _joined(draft: Draft, service: Service) -> tuple[NetworkId, ...]:
    """The networks that a service's tasks join, in that order."""
    ingress = draft.ingress
    if ingress is not None and service.ingress_ports:
        return (ingress.id, *service.networks)
    return service.networks


def _vips(draft: Draft, service: Service, told: ServiceStory) -> dict[NetworkId, IPv4Interface]:
    if any(port.mode is PublishMode.INGRESS for port in service.ports) and draft.ingress is None:
        raise InputError("service needs ingress network, but no ingress network is present")
    if service.spec.endpoint_mode is EndpointMode.DNSRR:
        return {}
    joined = [draft.networks[network] for network in _joined(draft, service)]
    return {network.id: addresses.take(draft, network, told.vips.get(network.name)) for network in joined}


def _named(draft: Draft, name: str) -> Service:
    service = draft.service_named(name)
    if service is None:
        raise InputError(f"service {name} not found")
    return service


def _add_tasks(draft: Draft, service: Service, count: int) -> None:
    used = {task.slot for task in draft.tasks_of(service)}
    free = (slot for slot in _slots(service.spec) if slot not in used)
    for _, slot in zip(range(count), free, strict=False):
        task = _new_task(draft, service, slot)
        draft.tasks[task.id] = task


def _slots(spec: ServiceSpec) -> Iterator[int]:
    """Every slot, in the order they are used: pinned ones, then from 1."""
    yield from spec.pins
    slot = 0
    while True:
        slot += 1
        if slot not in spec.pins:
            yield slot


def _new_task(draft: Draft, service: Service, slot: int) -> Task:
    """A task with the story's ids, if it tells of one there; what is left of the story then is where it will stand."""
    told = draft.story.task(service.spec.name, slot)
    if told != TaskStory():
        left = TaskStory(addresses=told.addresses, gateway=told.gateway)
        draft.story = draft.story.with_task(service.spec.name, slot, left)
    return Task(
        id=TaskId(draft.new_swarm_id(told.id)),
        service=service.id,
        spec=service.spec,
        slot=slot,
        ports=service.ports,
        container=draft.new_container_id(told.container),
        sandbox=draft.new_container_id(told.sandbox, "sandbox"),
    )


def _allocated(draft: Draft, task: Task) -> Task:
    told = draft.story.task(task.service_name, task.slot)
    attachments: list[Attachment] = []
    for network_id in _joined(draft, draft.services[task.service]):
        network = draft.networks[network_id]
        try:
            address = addresses.take(draft, network, told.addresses.get(network.name))
        except AllocationError as error:
            _release(draft, attachments)
            return replace(task, error=str(error))
        attachments.append(Attachment(network_id, address))
    if told.addresses:
        draft.story = draft.story.with_task(task.service_name, task.slot, TaskStory(gateway=told.gateway))
    return replace(
        task, state=TaskState.PENDING, attachments=tuple(attachments), message="pending task scheduling", error=""
    )


def _remove_task(draft: Draft, task: Task) -> None:
    _release(draft, task.attachments)
    del draft.tasks[task.id]


def _release(draft: Draft, attachments: tuple[Attachment, ...] | list[Attachment]) -> None:
    for attachment in attachments:
        addresses.release(draft, draft.networks[attachment.network], attachment.address.ip)


def _keepers_first(draft: Draft, service: Service) -> list[Task]:
    """A service's tasks, those that scaling down spares first: running before others, lower slots before higher, but
    the nodes' first copies before their second ones. So the nodes with most copies lose theirs first."""
    rank = {slot: place for place, slot in enumerate(service.spec.pins)}
    tasks = sorted(
        draft.tasks_of(service),
        key=lambda task: (not task.placed, rank.get(task.slot, len(rank)), task.slot),
    )
    copies: Counter[str] = Counter()
    order: dict[TaskId, tuple[bool, int]] = {}
    for task in tasks:
        copies[task.node or ""] += 1
        order[task.id] = (task.node is None, copies[task.node or ""])
    return sorted(tasks, key=lambda task: order[task.id])
