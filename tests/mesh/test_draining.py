"""Tasks on their way out: what balancers and namespaces still have of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from meshnet.mesh import render
from meshnet.model import Generation, PortConfig, Service, Task, TaskState
from meshnet.netstate import NamespaceRef, NetState
from tests.mesh.swarms import Swarm, changed

PORT = PortConfig(80, 8000)


@pytest.fixture
def swarm() -> Swarm:
    swarm = Swarm()
    swarm.network("ingress", "10.0.0.0/24")
    swarm.node(Generation.G20_10)
    swarm.node(Generation.G20_10)
    return swarm


def two_tasks(swarm: Swarm) -> tuple[Service, Task, Task]:
    service = swarm.service("web", ports=(PORT,))
    one, other = swarm.state.nodes.values()
    return service, swarm.task(service, one), swarm.task(service, other)


def sandbox(swarm: Swarm, node: str = "node1") -> NetState:
    return render(swarm.state)[NamespaceRef(node, "ingress_sbox")]


def address(task: Task) -> str:
    return str(task.attachments[0].address.ip)


def weights(state: NetState) -> dict[str, int]:
    return {str(end.address): end.weight for service in state.ipvs.values() for end in service.destinations}


def test_draining_task_keeps_its_connections_and_gets_no_more(swarm: Swarm) -> None:
    _, one, other = two_tasks(swarm)
    swarm.state = changed(swarm.state, one, desired=TaskState.SHUTDOWN, drain_until=1)
    for node in ("node1", "node2"):
        assert weights(sandbox(swarm, node)) == {address(one): 0, address(other): 1}


def test_stopping_task_is_no_backend_and_has_its_namespace_still(swarm: Swarm) -> None:
    _, one, other = two_tasks(swarm)
    before = render(swarm.state)[NamespaceRef("node1", one.sandbox_file)]
    swarm.state = changed(swarm.state, one, desired=TaskState.SHUTDOWN, stopping=True)
    assert weights(sandbox(swarm)) == {address(other): 1}
    assert render(swarm.state)[NamespaceRef("node1", one.sandbox_file)] == before


def test_stopping_task_is_reached_from_other_nodes_still(swarm: Swarm) -> None:
    _, one, _ = two_tasks(swarm)
    swarm.state = changed(swarm.state, one, desired=TaskState.SHUTDOWN, stopping=True)
    overlay = render(swarm.state)[NamespaceRef("node2", next(iter(swarm.state.networks.values())).overlay_file)]
    assert address(one) in {str(entry.address) for entry in overlay.neighbours}


def test_service_has_its_load_balancer_until_its_last_task_has_drained(swarm: Swarm) -> None:
    service, one, other = two_tasks(swarm)
    vip = str(service.vips[next(iter(swarm.state.networks))].ip)
    for task in (one, other):
        swarm.state = changed(swarm.state, task, desired=TaskState.SHUTDOWN, drain_until=1)
    draining = sandbox(swarm)
    assert set(weights(draining).values()) == {0}
    assert vip in {str(held.interface.ip) for held in draining.addresses}
    assert len(draining.rules.chain("mangle", "PREROUTING").rules) == 1
    for task in (one, other):
        swarm.state = changed(swarm.state, task, desired=TaskState.SHUTDOWN, stopping=True)
    drained = sandbox(swarm)
    assert not drained.ipvs and not drained.rules.chain("mangle", "PREROUTING").rules
    assert vip not in {str(held.interface.ip) for held in drained.addresses}


def test_task_that_starts_is_a_backend(swarm: Swarm) -> None:
    _, one, other = two_tasks(swarm)
    swarm.state = changed(swarm.state, one, state=TaskState.STARTING)
    assert weights(sandbox(swarm)) == {address(one): 1, address(other): 1}


@pytest.mark.parametrize("state", [TaskState.PENDING, TaskState.READY, TaskState.COMPLETE, TaskState.SHUTDOWN])
def test_task_that_is_not_placed_leaves_nothing(swarm: Swarm, state: TaskState) -> None:
    _, one, other = two_tasks(swarm)
    swarm.state = changed(swarm.state, one, state=state)
    states = render(swarm.state)
    assert NamespaceRef("node1", one.sandbox_file) not in states
    assert weights(sandbox(swarm)) == {address(other): 1}
    for netstate in states.values():
        assert address(one) not in {str(entry.address) for entry in netstate.neighbours}


@pytest.mark.parametrize("generation", Generation)
def test_tasks_of_a_removed_service_have_what_they_were_made_with(swarm: Swarm, generation: Generation) -> None:
    _, one, _ = two_tasks(swarm)
    nodes = {id: replace(node, generation=generation) for id, node in swarm.state.nodes.items()}
    swarm.state = replace(changed(swarm.state, one, desired=TaskState.REMOVE, stopping=True), nodes=nodes)
    before = render(swarm.state)[NamespaceRef("node1", one.sandbox_file)]
    swarm.state = replace(swarm.state, services={})
    states = render(swarm.state)
    assert states[NamespaceRef("node1", one.sandbox_file)].rules == before.rules
    assert before.rules.chain("filter", "INPUT").rules
    assert not any(netstate.ipvs for netstate in states.values())


def test_task_guards_the_ports_it_was_made_with(swarm: Swarm) -> None:
    service, one, _ = two_tasks(swarm)
    before = render(swarm.state)[NamespaceRef("node1", one.sandbox_file)]
    swarm.state = replace(swarm.state, services={service.id: replace(service, ports=(PortConfig(81, 9000),))})
    assert render(swarm.state)[NamespaceRef("node1", one.sandbox_file)] == before
    assert "9000" in str(sandbox(swarm).rules.chain("mangle", "PREROUTING").rules[0])


def test_weight_is_all_that_changes_when_a_task_drains(swarm: Swarm) -> None:
    _, one, _ = two_tasks(swarm)
    before = render(swarm.state)
    swarm.state = changed(swarm.state, one, desired=TaskState.SHUTDOWN, drain_until=1)
    for ref, state in render(swarm.state).items():
        assert replace(state, ipvs={}) == replace(before[ref], ipvs={})
        for mark, service in state.ipvs.items():
            assert [replace(end, weight=1) for end in service.destinations] == list(before[ref].ipvs[mark].destinations)
