"""What holds after any sequence of commands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from meshnet.errors import AllocationError, InputError
from meshnet.model import ClusterState, EndpointMode, PublishMode, TaskState
from meshnet.model.node import INGRESS_SBOX
from meshnet.orchestrator import Command, RemoveNetwork, RemoveService, ScaleService, form
from tests.orchestrator.swarms import (
    MANAGER,
    UNDERLAY,
    WORKER1,
    WORKER2,
    machine,
    network,
    publish,
    run,
    service,
)

NETWORKS = {"wide": None, "small": "10.9.0.0/28", "tiny": "10.9.1.0/29"}

Action = Callable[[ClusterState], Command]


def create(number: int, **spec: Any) -> Action:
    return lambda state: service(f"web{number}", **spec)


def scale(choice: int, replicas: int) -> Action:
    return lambda state: ScaleService(existing(state, choice), replicas)


def remove(choice: int) -> Action:
    return lambda state: RemoveService(existing(state, choice))


def existing(state: ClusterState, choice: int) -> str:
    names = [made.spec.name for made in state.services.values()] or ["none"]
    return names[choice % len(names)]


def remake(choice: int) -> Action:
    """Remove a network; the next time it is chosen, make it again."""
    name, subnet = list(NETWORKS.items())[choice % len(NETWORKS)]
    return lambda state: RemoveNetwork(name) if state.network_named(name) else network(name, subnet)


choice = st.integers(0, 20)
replicas = st.integers(0, 7)
ports = st.one_of(
    st.just(()),
    st.just((publish(80),)),
    st.builds(publish, st.just(80), st.integers(80, 90), mode=st.sampled_from(("ingress", "host"))).map(lambda p: (p,)),
)
creation = st.builds(
    create,
    choice,
    replicas=replicas,
    networks=st.lists(st.sampled_from(tuple(NETWORKS)), max_size=2, unique=True),
    ports=ports,
    endpoint_mode=st.sampled_from((EndpointMode.VIP, EndpointMode.VIP, EndpointMode.DNSRR)),
    constraints=st.sampled_from(((), ("node.role == worker",), ("node.hostname != swarm-worker1",))),
    pins=st.sampled_from(({}, {2: WORKER1, 1: WORKER1}, {3: MANAGER})),
)
scaling = st.builds(scale, choice, replicas)
actions = st.lists(
    st.one_of(creation, creation, scaling, scaling, st.builds(remove, choice), st.builds(remake, choice)),
    min_size=5,
    max_size=14,
)
generations = st.tuples(*[st.sampled_from(("18.03", "18.06", "20.10"))] * 3)


@dataclass(frozen=True, slots=True)
class Played:
    states: tuple[ClusterState, ...]

    @property
    def last(self) -> ClusterState:
        return self.states[-1]


def play(engines: tuple[str, ...], asked: list[Action]) -> Played:
    """Every state on the way; what is refused changes nothing."""
    machines = [
        machine(name, 10 + place, generation)
        for place, (name, generation) in enumerate(zip((MANAGER, WORKER1, WORKER2), engines, strict=True))
    ]
    states = [form("property", machines, reserved=[UNDERLAY])]
    states += [run(states[0], *(network(name, subnet) for name, subnet in NETWORKS.items()))]
    for action in asked:
        try:
            states.append(run(states[-1], action(states[-1])))
        except (InputError, AllocationError):
            continue
    return Played(tuple(states))


@settings(max_examples=20, deadline=None)
@given(generations, actions)
def test_swarm_stays_whole(engines: tuple[str, ...], asked: list[Action]) -> None:
    played = play(engines, asked)
    for state in played.states:
        check_addresses(state)
        check_tasks(state)
        check_engines(state)
    for before, after in pairwise(played.states[1:]):
        check_succession(before, after)


@settings(max_examples=15, deadline=None)
@given(generations, actions)
def test_nothing_is_left_when_all_is_removed(engines: tuple[str, ...], asked: list[Action]) -> None:
    state = play(engines, asked).last
    for made in list(state.services.values()):
        state = run(state, RemoveService(made.spec.name))
    for there in list(state.networks.values()):
        if not there.ingress:
            state = run(state, RemoveNetwork(there.name))
    formed = play(engines, []).states[0]
    assert not state.tasks and not state.services
    assert state.networks == formed.networks
    assert state.counters.taken == formed.counters.taken
    assert not state.counters.balancers
    for node, new in zip(state.nodes.values(), formed.nodes.values(), strict=True):
        assert (node.attachments, node.engine.gateways, node.engine.joins) == (
            new.attachments,
            new.engine.gateways,
            new.engine.joins,
        )
        assert not node.engine.marks


@settings(max_examples=8, deadline=None)
@given(generations, actions)
def test_same_seed_same_state(engines: tuple[str, ...], asked: list[Action]) -> None:
    assert play(engines, asked).last == play(engines, asked).last


def check_addresses(state: ClusterState) -> None:
    """No address twice, every one inside its subnet, and the allocator's books agree with what is held."""
    for where in state.networks.values():
        aside = state.counters.balancers.get(where.id, {})
        held = [where.gateway, *aside.values()]
        held += [leg.address.ip for task in state.tasks.values() for leg in task.attachments if leg.network == where.id]
        held += [made.vips[where.id].ip for made in state.services.values() if where.id in made.vips]
        for node in state.nodes.values():
            attached = node.attachments.get(where.id)
            if attached is not None and node.id in aside:
                assert attached.ip == aside[node.id]
            elif attached is not None:
                held.append(attached.ip)
        assert max(Counter(held).values()) == 1, f"{where.name}: {Counter(held).most_common(1)}"
        assert set(held) == state.counters.taken[where.id]
        edges = {where.subnet.network_address, where.subnet.broadcast_address}
        assert all(address in where.subnet for address in held) and not edges & set(held)


def check_tasks(state: ClusterState) -> None:
    for made in state.services.values():
        slots = [task.slot for task in state.tasks.values() if task.service == made.id]
        assert len(slots) == len(set(slots)) == made.spec.replicas
    for task in state.tasks.values():
        assert (task.node is None) == bool(task.error)
        assert task.state in (TaskState.NEW, TaskState.PENDING, TaskState.RUNNING)
        if task.node is not None:
            attached = state.nodes[task.node].attachments
            assert all(leg.network in attached for leg in task.attachments)
    host_ports = Counter(
        (task.node, port.protocol, port.published)
        for task in state.tasks.values()
        for port in state.services[task.service].ports
        if task.node is not None and port.mode is PublishMode.HOST and port.published
    )
    assert all(count == 1 for count in host_ports.values())
    ingress_ports = Counter(
        (port.protocol, port.published) for made in state.services.values() for port in made.ingress_ports
    )
    assert all(count == 1 for count in ingress_ports.values())


def check_engines(state: ClusterState) -> None:
    for node in state.nodes.values():
        engine = node.engine
        addresses = list(engine.gateways.values())
        assert len(set(addresses)) == len(addresses)
        assert all(address in engine.gwbridge or address in engine.docker0 for address in addresses)
        assert set(engine.gateways) <= {INGRESS_SBOX, *(task.container for task in state.placed_tasks(node=node.id))}
        marks = list(engine.marks.values())
        assert len(set(marks)) == len(marks)
        assert all(0x100 <= mark < engine.next_mark for mark in marks)
        numbers = [(network, number) for (network, _), number in engine.joins.items()]
        assert len(set(numbers)) == len(numbers)
        used = {leg.network for task in state.placed_tasks(node=node.id) for leg in task.attachments}
        assert set(node.attachments) == used | {state.ingress.id if state.ingress else None}
        assert engine.balanced <= set(node.attachments)


def check_succession(before: ClusterState, after: ClusterState) -> None:
    """Versions and events go on; what still runs stays where it is, with its mark, bridge address and port."""
    assert after.version == after.events[-1].version > before.version
    for task_id, task in before.tasks.items():
        if task.node is not None and task_id in after.tasks:
            assert after.tasks[task_id] == task
    for node_id, node in before.nodes.items():
        old, new = node.engine, after.nodes[node_id].engine
        assert new.next_mark >= old.next_mark
        assert new.published >= old.published
        assert all(new.gateways[owner] == old.gateways[owner] for owner in set(new.gateways) & set(old.gateways))
        assert all(new.joins[port] == old.joins[port] for port in set(new.joins) & set(old.joins))
        assert all(new.marks[pair] == old.marks[pair] for pair in set(new.marks) & set(old.marks))
