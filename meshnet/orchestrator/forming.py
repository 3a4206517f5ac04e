"""A lab's machines before anything is asked of them, and the swarm they form."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Network

from meshnet.errors import InputError
from meshnet.model import (
    ClusterState,
    Counters,
    EngineState,
    Membership,
    Node,
    NodeId,
    NodeRole,
    NodeStory,
    Story,
)
from meshnet.model.lab import LabSpec, Machine
from meshnet.orchestrator import engines, gwbridge, membership
from meshnet.orchestrator.commands import InitSwarm
from meshnet.orchestrator.draft import Draft


def form(
    seed: str,
    machines: Sequence[Machine],
    *,
    reserved: Sequence[IPv4Network] = (),
    explicit: Sequence[IPv4Network] = (),
    ingress_subnet: IPv4Network | None = None,
    story: Story | None = None,
    now: int = 0,
) -> ClusterState:
    """The swarm that the first manager of ``machines`` makes and the others join, in their order.

    No network gets a subnet that overlaps one of ``reserved``; no bridge one that overlaps these or ``explicit``, what
    networks are going to ask for. ``ingress_subnet`` None leaves it to the leader's generation. Raises ``InputError``
    without a manager or with two machines of one name, ``AllocationError`` when subnets don't fit.
    """
    leader = next((machine.name for machine in machines if machine.role is NodeRole.MANAGER), None)
    if leader is None:
        raise InputError("a swarm needs a manager, and none of the machines is one")
    draft = _gathered(seed, machines, reserved, explicit, story, now)
    membership.init(draft, InitSwarm(leader), ingress_subnet=ingress_subnet)
    for machine in machines:
        if machine.name != leader:
            membership.join(draft, membership.invitation(draft, machine.name, machine.role))
    draft.story = Story(networks=draft.story.networks, services=draft.story.services)
    engines.settle(draft)
    joined = [machine.name for machine in machines if machine.name != leader]
    return draft.done(f"{leader} formed a swarm{', joined by ' + ', '.join(joined) if joined else ''}")


def gather(
    seed: str,
    machines: Sequence[Machine],
    *,
    reserved: Sequence[IPv4Network] = (),
    story: Story | None = None,
    now: int = 0,
) -> ClusterState:
    """The machines, each with an engine and none in a swarm. Raises ``InputError`` with two of one name."""
    draft = _gathered(seed, machines, reserved, (), story, now)
    return draft.done(f"{', '.join(machine.name for machine in machines)} are up, and form no swarm yet")


def form_lab(lab: LabSpec, now: int = 0) -> ClusterState:
    """The swarm of a lab before its stack is deployed, or its machines where they form none by themselves."""
    if not lab.forms_swarm:
        return gather(lab.seed, lab.machines, reserved=lab.underlay, story=lab.story, now=now)
    return form(
        lab.seed,
        lab.machines,
        reserved=lab.underlay,
        explicit=[network.subnet for network in lab.stack.networks if network.subnet is not None],
        ingress_subnet=lab.ingress,
        story=lab.story,
        now=now,
    )


def _gathered(
    seed: str,
    machines: Sequence[Machine],
    reserved: Sequence[IPv4Network],
    explicit: Sequence[IPv4Network],
    story: Story | None,
    now: int,
) -> Draft:
    if len({machine.name for machine in machines}) < len(machines):
        raise InputError("two machines of a swarm cannot have the same name")
    empty = ClusterState(Counters(seed, reserved_subnets=tuple(reserved)), version=-1, story=story or Story())
    draft = Draft(empty, now)
    for machine in machines:
        node = _node(draft, machine, (*reserved, *explicit))
        draft.nodes[node.id] = node
    return draft


def _node(draft: Draft, machine: Machine, avoided: Sequence[IPv4Network]) -> Node:
    docker0, bridge = gwbridge.choose(machine.gwbridge, avoided)
    return Node(
        id=NodeId(draft.new_swarm_id(draft.story.nodes.get(machine.name, NodeStory()).id)),
        name=machine.name,
        role=NodeRole.WORKER,
        generation=machine.generation,
        address=machine.address,
        engine=EngineState(docker0, bridge, gwbridge_made=False),
        labels=machine.labels,
        membership=Membership.OUTSIDE,
    )
