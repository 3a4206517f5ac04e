"""Making a swarm of machines."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Network

from meshnet.errors import InputError
from meshnet.model import ClusterState, Counters, EngineState, Node, NodeId, NodeRole, NodeStory, Story
from meshnet.model.lab import LabSpec, Machine
from meshnet.model.node import INGRESS_SBOX
from meshnet.orchestrator import engines, gwbridge, networks
from meshnet.orchestrator.draft import Draft


def form(
    seed: str,
    machines: Sequence[Machine],
    *,
    reserved: Sequence[IPv4Network] = (),
    explicit: Sequence[IPv4Network] = (),
    ingress_subnet: IPv4Network | None = None,
    story: Story | None = None,
) -> ClusterState:
    """The swarm that the first manager of ``machines`` makes and the others join, in their order.

    No network gets a subnet that overlaps one of ``reserved``; no bridge one that overlaps these or ``explicit``, what
    networks are going to ask for. ``ingress_subnet`` None leaves it to the leader's generation. Raises ``InputError``
    without a manager or with two machines of one name, ``AllocationError`` when subnets don't fit.
    """
    if not any(machine.role is NodeRole.MANAGER for machine in machines):
        raise InputError("a swarm needs a manager, and none of the machines is one")
    if len({machine.name for machine in machines}) < len(machines):
        raise InputError("two machines of a swarm cannot have the same name")
    draft = Draft(ClusterState(Counters(seed, reserved_subnets=tuple(reserved)), version=-1, story=story or Story()))
    for machine in machines:
        node = _node(draft, machine, (*reserved, *explicit))
        draft.nodes[node.id] = node
    networks.create_ingress(draft, ingress_subnet)
    draft.story = Story(networks=draft.story.networks, services=draft.story.services)
    engines.settle(draft)
    leader = draft.leader.name
    joined = [machine.name for machine in machines if machine.name != leader]
    return draft.done(f"{leader} formed a swarm{', joined by ' + ', '.join(joined) if joined else ''}")


def form_lab(lab: LabSpec) -> ClusterState:
    """The swarm of a lab, before its stack is deployed."""
    return form(
        lab.seed,
        lab.machines,
        reserved=lab.underlay,
        explicit=[network.subnet for network in lab.stack.networks if network.subnet is not None],
        ingress_subnet=lab.ingress,
        story=lab.story,
    )


def _node(draft: Draft, machine: Machine, avoided: Sequence[IPv4Network]) -> Node:
    docker0, bridge = gwbridge.choose(machine.gwbridge, avoided)
    return Node(
        id=NodeId(draft.new_swarm_id(draft.story.nodes.get(machine.name, NodeStory()).id)),
        name=machine.name,
        role=machine.role,
        generation=machine.generation,
        address=machine.address,
        engine=EngineState(docker0, bridge, gateways={INGRESS_SBOX: gwbridge.next_address(bridge, ())}),
        labels=machine.labels,
    )
