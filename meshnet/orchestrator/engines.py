"""What each engine decides for itself once it knows of a change: bridge addresses, port numbers, marks.

Each function brings one engine's memory in line with the tasks there are, so that whatever went is forgotten and
whatever came is numbered in the order it came. docker-swarm-facts sections 1.2 and 1.8; libnetwork service_common.go
addServiceBinding and rmServiceBinding.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Address

from meshnet.model import EndpointMode, EngineState, Generation, NetworkId, Node, ServiceId, Task, TaskStory
from meshnet.model.node import BALANCER, INGRESS_SBOX
from meshnet.orchestrator import gwbridge
from meshnet.orchestrator.draft import Draft


def settle(draft: Draft) -> None:
    """Let every engine learn of the change."""
    for node in list(draft.nodes.values()):
        tasks = tuple(draft.tasks_on(node.id))
        engine = _with_gateways(draft, node.engine, tasks)
        engine = _with_joins(draft, node, engine, tasks)
        engine = _with_marks(draft, node, engine)
        if engine != node.engine:
            draft.nodes[node.id] = replace(node, engine=engine)


def _with_gateways(draft: Draft, engine: EngineState, tasks: tuple[Task, ...]) -> EngineState:
    """An address for each container that goes out by a bridge: ``docker_gwbridge`` if it's on an overlay that is not
    internal, ``docker0`` if it's on none."""
    here = {task.container for task in tasks}
    gateways = {owner: given for owner, given in engine.gateways.items() if owner in here or owner == INGRESS_SBOX}
    for task in tasks:
        if task.container in gateways:
            continue
        if not task.attachments:
            gateways[task.container] = gwbridge.next_address(engine.docker0, gateways.values())
        elif any(not draft.networks[attachment.network].internal for attachment in task.attachments):
            gateways[task.container] = _gateway(draft, engine, task, gateways)
    return replace(engine, gateways=gateways)


def _gateway(draft: Draft, engine: EngineState, task: Task, gateways: dict[str, IPv4Address]) -> IPv4Address:
    """The lowest that is free, or the story's."""
    told = draft.story.task(task.service_name, task.slot).gateway
    if told is not None:
        draft.story = draft.story.with_task(task.service_name, task.slot, TaskStory())
        if told in engine.gwbridge and told not in gateways.values():
            return told
    return gwbridge.next_address(engine.gwbridge, (*gateways.values(), *draft.story.gateways()))


def _with_joins(draft: Draft, node: Node, engine: EngineState, tasks: tuple[Task, ...]) -> EngineState:
    """A number for each port in an overlay namespace, which lives as long as somebody is joined to it."""
    wanted = list(_ports(draft, node, tasks))
    joins = {port: number for port, number in engine.joins.items() if port in wanted}
    alive = {network for network, _ in joins}
    following = {network: number for network, number in engine.next_join.items() if network in alive}
    for network, owner in wanted:
        if (network, owner) not in joins:
            joins[network, owner] = following.get(network, 0)
            following[network] = joins[network, owner] + 1
    return replace(engine, joins=joins, next_join=following)


def _ports(draft: Draft, node: Node, tasks: tuple[Task, ...]) -> Iterator[tuple[NetworkId, str]]:
    """Who is joined to an overlay namespace of the node; each balancer before the tasks, as it makes the namespace.

    18.03 has none but the ingress network's.
    """
    for network in node.attachments:
        if draft.networks[network].ingress or node.generation is not Generation.G18_03:
            yield network, BALANCER
    for task in tasks:
        for attachment in task.attachments:
            yield attachment.network, task.container


def _with_marks(draft: Draft, node: Node, engine: EngineState) -> EngineState:
    """A mark for each service on each network the node is on, from when it learns of its first backend to when it
    learns that the last one went."""
    known = list(dict.fromkeys(_balanced_pairs(draft, node)))
    marks = {pair: mark for pair, mark in engine.marks.items() if pair in known}
    next_mark = engine.next_mark
    for pair in known:
        if pair not in marks:
            marks[pair] = next_mark
            next_mark += 1
    virtual = {network for service, network in known if _has_vip(draft, service)}
    return replace(
        engine,
        marks=marks,
        next_mark=next_mark,
        published=engine.published or any(draft.networks[network].ingress for _, network in known),
        balanced=frozenset(network for network in node.attachments if network in virtual | engine.balanced),
    )


def _balanced_pairs(draft: Draft, node: Node) -> Iterator[tuple[ServiceId, NetworkId]]:
    for task in draft.tasks.values():
        if task.placed:
            for attachment in task.attachments:
                if attachment.network in node.attachments:
                    yield task.service, attachment.network


def _has_vip(draft: Draft, service: ServiceId) -> bool:
    return draft.services[service].spec.endpoint_mode is EndpointMode.VIP
