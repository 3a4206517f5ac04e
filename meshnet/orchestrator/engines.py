"""What each engine decides for itself once it knows of a change: bridge addresses, port numbers, marks.

Each function brings one engine's memory in line with the tasks there are, so that whatever went is forgotten and
whatever came is numbered in the order it came. docker-swarm-facts sections 1.2 and 1.8; libnetwork service_common.go
addServiceBinding and rmServiceBinding.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

from meshnet.model import (
    ContainerId,
    EndpointMode,
    EngineState,
    Generation,
    NetworkId,
    Node,
    ServiceId,
    Task,
    TaskStory,
)
from meshnet.model.node import BALANCER, INGRESS_SBOX
from meshnet.orchestrator import gwbridge
from meshnet.orchestrator.draft import Draft, Resident


def settle(draft: Draft) -> None:
    """Let every engine learn of the change."""
    for node in list(draft.nodes.values()):
        residents = draft.residents(node.id)
        engine = _with_gateways(draft, node, residents)
        engine = _with_joins(draft, node, engine, residents)
        engine = _with_marks(draft, node, engine)
        if engine != node.engine:
            draft.nodes[node.id] = replace(node, engine=engine)


def _with_gateways(draft: Draft, node: Node, residents: tuple[Resident, ...]) -> EngineState:
    """An address for the ingress sandbox, while there is one, and for each container that goes out by a bridge."""
    engine = node.engine
    exits: dict[str, IPv4Network] = {}
    if any(draft.networks[network].ingress for network in node.attachments if network in draft.networks):
        exits[INGRESS_SBOX] = engine.gwbridge
    for resident in residents:
        bridge = _exit(draft, engine, resident)
        if bridge is not None:
            exits[resident.container] = bridge
    gateways = {owner: given for owner, given in engine.gateways.items() if owner in exits and given in exits[owner]}
    tasks = {resident.container: resident for resident in residents if isinstance(resident, Task)}
    for owner, bridge in exits.items():
        if owner in gateways:
            continue
        task = tasks.get(ContainerId(owner)) if bridge == engine.gwbridge else None
        gateways[owner] = _gateway(draft, engine, task, gateways) if task else _lowest(bridge, gateways)
    made = engine.gwbridge_made or engine.gwbridge in exits.values()
    return replace(engine, gateways=gateways, gwbridge_made=made)


def _exit(draft: Draft, engine: EngineState, resident: Resident) -> IPv4Network | None:
    """The bridge a container goes out by: ``docker0`` if it is on that, as a task on no overlay is; else
    ``docker_gwbridge`` if it is on an overlay that is not internal, and on no bridge network that leads out."""
    if isinstance(resident, Task):
        on_default, leads_out = not resident.attachments, False
    else:
        on_default = resident.on_default_bridge
        leads_out = any(not draft.bridges[bridge].internal for bridge in resident.bridges)
    if on_default:
        return engine.docker0
    if not leads_out and any(not draft.networks[each.network].internal for each in resident.attachments):
        return engine.gwbridge
    return None


def _lowest(bridge: IPv4Network, gateways: dict[str, IPv4Address]) -> IPv4Address:
    return gwbridge.next_address(bridge, gateways.values())


def _gateway(draft: Draft, engine: EngineState, task: Task, gateways: dict[str, IPv4Address]) -> IPv4Address:
    """The lowest that is free, or the story's."""
    told = draft.story.task(task.service_name, task.slot).gateway
    if told is not None:
        draft.story = draft.story.with_task(task.service_name, task.slot, TaskStory())
        if told in engine.gwbridge and told not in gateways.values():
            return told
    return gwbridge.next_address(engine.gwbridge, (*gateways.values(), *draft.story.gateways()))


def _with_joins(draft: Draft, node: Node, engine: EngineState, residents: tuple[Resident, ...]) -> EngineState:
    """A number for each port in an overlay namespace, which lives as long as somebody is joined to it."""
    wanted = list(_ports(draft, node, residents))
    joins = {port: number for port, number in engine.joins.items() if port in wanted}
    alive = {network for network, _ in joins}
    following = {network: number for network, number in engine.next_join.items() if network in alive}
    for network, owner in wanted:
        if (network, owner) not in joins:
            joins[network, owner] = following.get(network, 0)
            following[network] = joins[network, owner] + 1
    return replace(engine, joins=joins, next_join=following)


def _ports(draft: Draft, node: Node, residents: tuple[Resident, ...]) -> Iterator[tuple[NetworkId, str]]:
    """Who is joined to an overlay namespace of the node; each balancer first, as it makes the namespace.

    18.03 has none but the ingress network's.
    """
    for network in node.attachments:
        if draft.networks[network].ingress or node.generation is not Generation.G18_03:
            yield network, BALANCER
    for resident in residents:
        for attachment in resident.attachments:
            yield attachment.network, resident.container


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
    """A service that was removed has no address any more, whatever of its tasks is still on its way out."""
    for task in draft.tasks.values():
        if task.balanced and task.service in draft.services and draft.is_up(task.node):
            for attachment in task.attachments:
                if attachment.network in node.attachments:
                    yield task.service, attachment.network


def _has_vip(draft: Draft, service: ServiceId) -> bool:
    return draft.services[service].spec.endpoint_mode is EndpointMode.VIP
