"""Published ports: which are taken, and which the swarm gives.

docker-swarm-facts section 4.8; swarmkit manager/allocator/portallocator.go, manager/controlapi/service.go.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from meshnet.errors import AllocationError, InputError
from meshnet.model import EndpointMode, PortConfig, Protocol, PublishMode, Service, ServiceId, ServiceSpec
from meshnet.orchestrator.draft import Draft

FIRST, LAST = 30000, 32767
"""What the swarm gives from."""


def check(draft: Draft, spec: ServiceSpec, service: ServiceId | None = None) -> None:
    """Whether a service may publish what it asks for; ``service`` is its id if it is there already.

    Raises ``InputError`` for a spec that makes no sense by itself, ``AllocationError`` for a port another service has.
    """
    named = [(port.protocol, port.published) for port in spec.ports if port.published]
    if spec.endpoint_mode is EndpointMode.DNSRR and any(port.mode is PublishMode.INGRESS for port in spec.ports):
        raise InputError("EndpointSpec: port published with ingress mode can't be used with dnsrr mode")
    if len(set(named)) < len(named):
        raise InputError("EndpointSpec: duplicate published ports provided")
    for other in draft.services.values():
        if other.id != service:
            for port in spec.ports:
                _check_conflict(port, other)


def given(draft: Draft, spec: ServiceSpec, before: Service | None = None) -> tuple[PortConfig, ...]:
    """The service's ports, with a number where it named none: the one that it had ``before``, if it had one. A
    host-mode port's number is its node's affair."""
    chosen: dict[PortConfig, int] = {}
    if before is not None:
        chosen = {asked: had.published for asked, had in zip(before.spec.ports, before.ports, strict=True)}
    ports: list[PortConfig] = []
    for port in spec.ports:
        if port.mode is PublishMode.INGRESS and not port.published:
            own = (*spec.ports, *ports)
            had = chosen.get(port)
            taken = {(each.protocol, each.published) for each in own}
            sticks = had is not None and (port.protocol, had) not in taken
            port = replace(port, published=had if had and sticks else _next(draft, port.protocol, own))
        ports.append(port)
    return tuple(ports)


def _check_conflict(port: PortConfig, service: Service) -> None:
    """Host-mode ports of two services can live on different nodes; any other pair excludes each other."""
    for other in service.ports:
        if not port.published or (port.protocol, port.published) != (other.protocol, other.published):
            continue
        if other.mode is PublishMode.INGRESS:
            raise AllocationError(_conflict(port, service, "an ingress port"))
        if port.mode is PublishMode.INGRESS:
            raise AllocationError(_conflict(port, service, "a host-published port"))


def _conflict(port: PortConfig, service: Service, what: str) -> str:
    return f"port '{port.published}' is already in use by service '{service.spec.name}' ({service.id}) as {what}"


def _next(draft: Draft, protocol: Protocol, own: tuple[PortConfig, ...]) -> int:
    taken = {port.published for port in (*_ingress_ports(draft), *own) if port.protocol is protocol}
    count = LAST - FIRST + 1
    start = draft.last_port.get(protocol, FIRST - 1) + 1 - FIRST
    for step in range(count):
        number = FIRST + (start + step) % count
        if number not in taken:
            draft.last_port[protocol] = number
            return number
    raise AllocationError(f"every {protocol} port from {FIRST} to {LAST} is published")


def _ingress_ports(draft: Draft) -> Iterator[PortConfig]:
    for service in draft.services.values():
        yield from service.ingress_ports
