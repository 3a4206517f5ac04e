"""The address that a node's load balancer has on a network.

Managers up to 18.06 set one aside for every node as soon as a network is made (swarmkit 9fa9ce1b5); that is why the
article's first VIP on ``my-demo`` is 10.0.2.5, after a gateway and three nodes. From 18.09 on (swarmkit 710aef85c) a
node gets one when a task on that network comes to it, after the task's own address, and keeps it as long as one is
there. On the ingress network every node has one from the start.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from ipaddress import IPv4Interface

from meshnet.model import Generation, Network, NetworkId, Node, NodeId
from meshnet.orchestrator import addresses
from meshnet.orchestrator.draft import Draft, Resident

EAGER = (Generation.G18_03, Generation.G18_06)
"""Generations whose managers set addresses aside."""


def set_aside(draft: Draft, network: Network) -> None:
    """Do what a manager does for a new network's balancers. A node for which no address is left goes without, as in
    Docker."""
    if network.ingress:
        for node in list(draft.nodes.values()):
            if node.member:
                _attach(draft, node, network)
        return
    if draft.leader.generation in EAGER:
        draft.balancers[network.id] = {
            node.id: addresses.take(draft, network).ip
            for node in draft.nodes.values()
            if node.member and addresses.has_room(draft, network)
        }


def appear(draft: Draft, node: NodeId) -> None:
    """Do what a manager does for the balancers of a node that joins."""
    for network in draft.networks.values():
        if not addresses.has_room(draft, network):
            continue
        if network.ingress:
            _attach(draft, draft.nodes[node], network)
        elif draft.leader.generation in EAGER:
            aside = {**draft.balancers.get(network.id, {}), node: addresses.take(draft, network).ip}
            draft.balancers[network.id] = aside


def vanish(draft: Draft, node: NodeId) -> None:
    """Take back what a node that leaves had for its balancers."""
    for network, address in draft.nodes[node].attachments.items():
        addresses.release(draft, draft.networks[network], address.ip)
    for network, aside in list(draft.balancers.items()):
        if node in aside:
            addresses.release(draft, draft.networks[network], aside[node])
            draft.balancers[network] = {other: address for other, address in aside.items() if other != node}
    draft.nodes[node] = replace(draft.nodes[node], attachments={})


def forget(draft: Draft, network: Network) -> None:
    """The network goes, and with it whatever was set aside there."""
    draft.balancers.pop(network.id, None)


def can_join(draft: Draft, node: Node, networks: Iterable[NetworkId]) -> bool:
    """Whether there is an address for its balancer on each of ``networks``."""
    return all(
        network in node.attachments
        or node.id in draft.balancers.get(network, {})
        or addresses.has_room(draft, draft.networks[network])
        for network in networks
    )


def join(draft: Draft, node: NodeId, networks: Iterable[NetworkId]) -> None:
    """Let the node take part in ``networks``."""
    for network in networks:
        if network not in draft.nodes[node].attachments:
            _attach(draft, draft.nodes[node], draft.networks[network])


def leave_unused(draft: Draft) -> None:
    """Let every node go from the user networks that no task and no container of it is on any more."""
    for node in list(draft.nodes.values()):
        users: tuple[Resident, ...] = (*draft.assigned_to(node.id), *draft.own_containers(node.id))
        used = {attachment.network for user in users for attachment in user.attachments}
        kept = {network: address for network, address in node.attachments.items() if _stays(draft, network, used)}
        for network, address in node.attachments.items():
            known = draft.networks.get(network)
            if network not in kept and known is not None and node.id not in draft.balancers.get(network, {}):
                addresses.release(draft, known, address.ip)
        if len(kept) < len(node.attachments):
            draft.nodes[node.id] = replace(node, attachments=kept)


def _stays(draft: Draft, network: NetworkId, used: set[NetworkId]) -> bool:
    known = draft.networks.get(network)
    return known is not None and (known.ingress or network in used)


def _attach(draft: Draft, node: Node, network: Network) -> None:
    """Raises ``AllocationError`` when no address is left; ``can_join`` asks first."""
    aside = draft.balancers.get(network.id, {}).get(node.id)
    told = draft.story.nodes.get(node.name) if network.ingress else None
    if aside is not None:
        address = IPv4Interface((aside, network.subnet.prefixlen))
    else:
        address = addresses.take(draft, network, told.ingress if told else None)
    draft.nodes[node.id] = replace(node, attachments={**node.attachments, network.id: address})
