"""Making, changing, scaling and removing services, and what they are given: ports, networks and virtual addresses.

docker-swarm-facts sections 4.5, 4.8, 4.9 and 4.10; swarmkit manager/controlapi/service.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from ipaddress import IPv4Interface

from meshnet.errors import AllocationError, InputError, Refusal, RefusedError
from meshnet.model import (
    Constraint,
    Membership,
    Network,
    NetworkId,
    PublishMode,
    Service,
    ServiceId,
    ServiceMode,
    ServiceSpec,
    ServiceStory,
    TaskState,
    UpdateState,
    UpdateStatus,
)
from meshnet.model.names import check_name
from meshnet.orchestrator import addresses, networks, ports, tasks
from meshnet.orchestrator.commands import RollbackService, UpdateService
from meshnet.orchestrator.draft import Draft

MOST_REPLICAS = 1000
"""Of one service. More can only be a slip, and would keep the swarm busy and everybody else waiting."""


def create(draft: Draft, spec: ServiceSpec) -> Service:
    """Take a service on. Raises ``InputError`` or ``AllocationError`` that says what is wrong."""
    if draft.swarm is None:
        raise RefusedError(networks.NO_SWARM, Refusal.UNAVAILABLE)
    _check(draft, spec)
    if draft.service_named(spec.name) is not None:
        raise RefusedError(
            f"name conflicts with an existing object: service {spec.name} already exists", Refusal.ALREADY_EXISTS
        )
    _networks(draft, spec)
    told = draft.story.services.get(spec.name, ServiceStory())
    service = Service(ServiceId(draft.new_swarm_id(told.id)), ServiceSpec(spec.name, spec.image))
    service = replace(reassigned(draft, service, spec, told), spec_version=draft.version)
    if spec.name in draft.story.services:
        draft.story = draft.story.with_service(spec.name, ServiceStory(tasks=told.tasks))
    draft.services[service.id] = service
    return service


def update(draft: Draft, command: UpdateService) -> Service:
    """Give a service another spec. Raises ``InputError`` or ``AllocationError``.

    Where tasks are pinned is a lab's affair and none of the docker client's, which says nothing of it: the pins stay.
    """
    service = find(draft, command.name)
    spec = command.spec if command.spec.pins else replace(command.spec, pins=service.spec.pins)
    if spec.name != service.spec.name:
        raise RefusedError("renaming services is not supported", Refusal.UNIMPLEMENTED)
    if spec.mode is not service.spec.mode:
        raise RefusedError("service mode change is not allowed", Refusal.UNIMPLEMENTED)
    _check_version(service, command.version)
    _check(draft, spec)
    return _changed(draft, service, spec)


def roll_back(draft: Draft, command: RollbackService) -> Service:
    """Give a service the spec it had before its last change. Raises ``InputError`` or ``AllocationError``."""
    service = find(draft, command.name)
    _check_version(service, command.version)
    if service.previous is None:
        raise RefusedError(f"service {service.id} does not have a previous spec", Refusal.FAILED_PRECONDITION)
    status = UpdateStatus(UpdateState.ROLLBACK_STARTED, draft.now, message="manually requested rollback")
    return _changed(draft, service, service.previous, status)


def scale(draft: Draft, name: str, replicas: int) -> Service:
    """Change how many tasks a service has. Raises ``InputError`` for one that is not there or fewer than none."""
    service = find(draft, name)
    if service.spec.mode is ServiceMode.GLOBAL:
        raise RefusedError("scale can only be used with replicated mode")
    spec = replace(service.spec, replicas=replicas)
    _check(draft, spec)
    return _changed(draft, service, spec)


def remove(draft: Draft, name: str) -> Service:
    """Remove a service; its VIPs and ports are free from then on, its tasks stop. Raises ``InputError``."""
    service = find(draft, name)
    _release(draft, service.vips)
    for task in list(draft.tasks_of(service)):
        tasks.want(draft, task, TaskState.REMOVE)
    del draft.services[service.id]
    return service


def find(draft: Draft, name: str) -> Service:
    """The service of that id, that name, or whose id alone begins so. Raises ``RefusedError``."""
    exact = draft.services.get(ServiceId(name)) or draft.service_named(name)
    found = [exact] if exact else [service for service in draft.services.values() if service.id.startswith(name)]
    if not found or not name:
        raise RefusedError(f"service {name} not found", Refusal.NOT_FOUND)
    if len(found) > 1:
        raise RefusedError(f"service {name} is ambiguous ({len(found)} matches found)", Refusal.UNKNOWN)
    return found[0]


def reassigned(draft: Draft, service: Service, spec: ServiceSpec, told: ServiceStory | None = None) -> Service:
    """The service with another spec, and with the networks, ports and VIPs that go with it: what it had and still needs
    it keeps. Raises ``InputError`` or ``AllocationError``; no address has changed hands then."""
    ports.check(draft, spec, service.id)
    if draft.ingress is None and any(port.mode is PublishMode.INGRESS for port in spec.ports):
        raise RefusedError(
            "service needs ingress network, but no ingress network is present", Refusal.FAILED_PRECONDITION
        )
    service = replace(
        service,
        spec=spec,
        networks=tuple(sorted(network.id for network in _networks(draft, spec))),
        ports=ports.given(draft, spec, service),
    )
    return replace(service, vips=_vips(draft, service, told or ServiceStory()))


def _changed(draft: Draft, service: Service, spec: ServiceSpec, status: UpdateStatus | None = None) -> Service:
    changed = replace(
        reassigned(draft, service, spec),
        previous=service.spec,
        spec_version=draft.version,
        update_status=status,
        rollout=None,
        failures={},
    )
    draft.services[service.id] = changed
    return changed


def _check_version(service: Service, version: int | None) -> None:
    if version is not None and version != service.meta.version:
        raise RefusedError("update out of sequence", Refusal.UNKNOWN)


def _check(draft: Draft, spec: ServiceSpec) -> None:
    check_name(spec.name, "service")
    if spec.replicas < 0:
        raise InputError("Number of replicas must be non-negative")
    if spec.replicas > MOST_REPLICAS:
        raise InputError(f"a lab runs up to {MOST_REPLICAS} tasks of a service, not {spec.replicas}")
    for constraint in spec.constraints:
        Constraint.parse(constraint)
    names = [node.name for node in draft.nodes.values() if node.membership is not Membership.LEFT]
    for slot, node in spec.pins.items():
        if node not in names:
            raise InputError(f"{spec.name}.{slot} is to run on {node}, and the swarm's nodes are {', '.join(names)}")


def _networks(draft: Draft, spec: ServiceSpec) -> list[Network]:
    found: dict[NetworkId, Network] = {}
    for name in spec.networks:
        network = networks.find(draft, name)
        if network.ingress:
            raise RefusedError(f'Service cannot be explicitly attached to the ingress network "{network.name}"')
        found[network.id] = network
    return list(found.values())


def _vips(draft: Draft, service: Service, told: ServiceStory) -> dict[NetworkId, IPv4Interface]:
    vips: dict[NetworkId, IPv4Interface] = {}
    try:
        for id in tasks.balanced(draft, service):
            network = draft.networks[id]
            vips[id] = service.vips.get(id) or addresses.take(draft, network, told.vips.get(network.name))
    except AllocationError:
        _release(draft, {id: vip for id, vip in vips.items() if id not in service.vips})
        raise
    _release(draft, {id: vip for id, vip in service.vips.items() if id not in vips})
    return vips


def _release(draft: Draft, vips: Mapping[NetworkId, IPv4Interface]) -> None:
    for network, vip in vips.items():
        addresses.release(draft, draft.networks[network], vip.ip)
