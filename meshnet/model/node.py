"""A machine of the swarm, and what its engine decided for itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from meshnet.model.ids import ContainerId, NetworkId, NodeId, ServiceId
from meshnet.model.meta import Meta

INGRESS_SBOX = "ingress-sbox"
"""The container id that libnetwork gives the ingress sandbox; its key in ``EngineState.gateways``."""

BALANCER = "balancer"
"""The key of a network's load-balancer sandbox (the ingress one, too) in ``EngineState.joins``."""


class Generation(StrEnum):
    """An engine generation: engines within one put the same things in the kernel."""

    G18_03 = "18.03"
    G18_06 = "18.06"
    G20_10 = "20.10"


class NodeRole(StrEnum):
    MANAGER = "manager"
    WORKER = "worker"


class Availability(StrEnum):
    ACTIVE = "active"
    PAUSE = "pause"
    DRAIN = "drain"


class NodeStatus(StrEnum):
    """Whether the managers hear of a node. One that left stays in their list as ``down`` until it is removed."""

    READY = "ready"
    DOWN = "down"


class Membership(StrEnum):
    """Where a machine stands to the swarm: not in it (yet, or any more), in it, or the record of one that left.

    A machine that leaves goes on as a record of its own that is ``outside``, and joins again under a new id, as in
    Docker: the ``left`` one is what the managers' list keeps.
    """

    OUTSIDE = "outside"
    MEMBER = "member"
    LEFT = "left"


@dataclass(frozen=True, slots=True)
class EngineState:
    """What one engine decides alone, and no other node knows.

    ``gateways`` maps a container id (or ``ingress-sbox``) to its address on ``docker_gwbridge``, or on ``docker0`` for
    one with no overlay network. ``marks`` maps a (service, network) pair that has a backend to its fwmark: a counter of
    that daemon from 256, never reused, that counts pairs without a VIP (``endpoint_mode: dnsrr``), too.
    """

    docker0: IPv4Network
    gwbridge: IPv4Network
    gateways: Mapping[str, IPv4Address] = field(default_factory=dict)
    marks: Mapping[tuple[ServiceId, NetworkId], int] = field(default_factory=dict)
    next_mark: int = 0x100
    gwbridge_made: bool = True
    """Whether ``docker_gwbridge`` was made: with the first swarm that the machine joined; it stays from then on."""
    published: bool = False
    """Whether an ingress port was ever published: some rules stay from then on (reference dump, surprise 10)."""
    balanced: frozenset[NetworkId] = frozenset()
    """Networks whose balancer on this node ever had a backend: its SNAT rule and ``vs/conntrack`` stay from then on."""
    joins: Mapping[tuple[NetworkId, ContainerId | str], int] = field(default_factory=dict)
    """The number of each endpoint's port in a network's overlay namespace here (``veth<n>`` on ``br0``), by network and
    container id or ``balancer``: in the order they joined, and never another's while the namespace lives."""
    next_join: Mapping[NetworkId, int] = field(default_factory=dict)
    """The next such number; it starts again from 0 when the namespace goes, with the last endpoint."""


@dataclass(frozen=True, slots=True)
class Node:
    """One machine of the swarm. ``address`` is its underlay address: data path, control plane and VTEP.

    ``attachments`` holds the node's load-balancer address on each network it takes part in (ingress from the start, a
    user network while a task of it runs here). ``spec_name`` is what ``docker node update`` may call it besides.
    """

    id: NodeId
    name: str
    role: NodeRole
    generation: Generation
    address: IPv4Interface
    engine: EngineState
    availability: Availability = Availability.ACTIVE
    labels: Mapping[str, str] = field(default_factory=dict)
    attachments: Mapping[NetworkId, IPv4Interface] = field(default_factory=dict)
    membership: Membership = Membership.MEMBER
    status: NodeStatus = NodeStatus.READY
    spec_name: str = ""
    meta: Meta = field(default_factory=Meta, compare=False)

    @property
    def member(self) -> bool:
        """Whether it is in the swarm now."""
        return self.membership is Membership.MEMBER

    @property
    def up(self) -> bool:
        """Whether it is in the swarm and the managers hear of it."""
        return self.member and self.status is NodeStatus.READY

    @property
    def manages(self) -> bool:
        """Whether it is one of the swarm's managers now."""
        return self.member and self.role is NodeRole.MANAGER

    def gateway(self, owner: ContainerId | str) -> IPv4Interface | None:
        """``owner``'s address on this node's ``docker_gwbridge``, if it has a leg there."""
        address = self.engine.gateways.get(owner)
        if address is None:
            return None
        return IPv4Interface((address, self.engine.gwbridge.prefixlen))
