"""Ports that containers publish on their own node (``docker run -p``, ``mode=host``).

libnetwork portallocator and portmapper; docker-swarm-facts section 3.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from meshnet.errors import Refusal, RefusedError
from meshnet.model import Container, NodeId, PortConfig, Protocol, PublishMode, Task
from meshnet.orchestrator.draft import Draft

FIRST, LAST = 32768, 60999
"""What an engine gives from: the kernel's ``ip_local_port_range``."""

Number = tuple[Protocol, int]


def given(draft: Draft, container: Container) -> tuple[PortConfig, ...]:
    """What a container asks for, with a number where it names none. Raises ``RefusedError`` for one that is taken."""
    taken = set(_published(draft, container.node))
    ingress = set(_ingress(draft, container.node))
    for port in container.spec.ports:
        wanted = (port.protocol, port.published)
        if not port.published:
            continue
        if wanted in taken:
            raise _refused(container, f"Bind for 0.0.0.0:{port.published} failed: port is already allocated")
        if wanted in ingress:
            raise _refused(
                container,
                f"failed to bind host port for 0.0.0.0:{port.published}/{port.protocol}: address already in use",
            )
        taken.add(wanted)
    ports: list[PortConfig] = []
    for port in container.spec.ports:
        if not port.published:
            port = replace(port, published=_lowest(container, port.protocol, taken | ingress))
        taken.add((port.protocol, port.published))
        ports.append(port)
    return tuple(ports)


def for_task(draft: Draft, task: Task) -> tuple[PortConfig, ...]:
    """A task's ports, with a number of its node's choice for each host-mode one that has none; one for which none is
    left goes without."""
    if task.node is None or all(port.published or port.mode is not PublishMode.HOST for port in task.ports):
        return task.ports
    taken = {*_published(draft, task.node), *_ingress(draft, task.node)}
    ports: list[PortConfig] = []
    for port in task.ports:
        if port.mode is PublishMode.HOST and not port.published:
            free = (number for number in range(FIRST, LAST + 1) if (port.protocol, number) not in taken)
            port = replace(port, published=next(free, 0))
        taken.add((port.protocol, port.published))
        ports.append(port)
    return tuple(ports)


def _lowest(container: Container, protocol: Protocol, taken: set[Number]) -> int:
    for number in range(FIRST, LAST + 1):
        if (protocol, number) not in taken:
            return number
    raise _refused(container, "all ports are allocated")


def _published(draft: Draft, node: NodeId) -> Iterator[Number]:
    for resident in draft.residents(node):
        for port in resident.ports:
            if port.mode is PublishMode.HOST and port.published:
                yield port.protocol, port.published


def _ingress(draft: Draft, node: NodeId) -> Iterator[Number]:
    """What the node listens on for the routing mesh."""
    if draft.nodes[node].member:
        for service in draft.services.values():
            for port in service.ingress_ports:
                yield port.protocol, port.published


def _refused(container: Container, why: str) -> RefusedError:
    return RefusedError(
        f"driver failed programming external connectivity on endpoint {container.name} ({container.id}): {why}",
        Refusal.UNKNOWN,
    )
