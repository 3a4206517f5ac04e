"""Where tasks go, and what they say when they go nowhere."""

from __future__ import annotations

from collections import Counter

import pytest

from meshnet.errors import InputError
from meshnet.model import ClusterState
from meshnet.orchestrator import RemoveService, form, step
from tests.orchestrator.machines import initialised
from tests.orchestrator.swarms import (
    MANAGER,
    WORKER1,
    WORKER2,
    machine,
    placement,
    publish,
    run,
    service,
    swarm,
    task,
    unavailable,
)


def test_node_with_fewest_of_the_service_comes_first_then_with_fewest_in_all() -> None:
    state = run(swarm(), service("busy", 4))
    assert placement(run(state, service("web", 2)), "web") == {1: WORKER1, 2: WORKER2}
    assert placement(run(state, service("web", 4)), "web")[4] == WORKER1


def test_service_is_spread_over_busy_nodes_too() -> None:
    state = run(swarm(), service("busy", 5, pins=dict.fromkeys(range(1, 6), MANAGER)), service("web", 3))
    assert set(placement(state, "web").values()) == {MANAGER, WORKER1, WORKER2}


def test_pin_beats_spread() -> None:
    state = run(swarm(), service("web", 3, pins={1: WORKER2, 2: WORKER2, 3: WORKER2}))
    assert set(placement(state, "web").values()) == {WORKER2}


def test_pin_to_a_node_that_takes_none_gives_way() -> None:
    state = run(unavailable(swarm(), WORKER2), service("web", 1, pins={1: WORKER2}))
    assert placement(state, "web") == {1: MANAGER}


@pytest.mark.parametrize(
    ("constraint", "nodes"),
    [
        ("node.hostname==swarm-worker1", {WORKER1}),
        ("node.hostname != Swarm-Worker1", {MANAGER, WORKER2}),
        ("node.role == worker", {WORKER1, WORKER2}),
        ("node.role!=worker", {MANAGER}),
        ("node.labels.rack == a", {WORKER1}),
        ("node.labels.rack != a", {MANAGER, WORKER2}),
        ("node.labels.Rack == a", set()),
        ("node.ip == 192.168.56.11", {WORKER1}),
        ("node.ip != 192.168.56.10/31", {WORKER2}),
        ("node.platform.os == linux", {MANAGER, WORKER1, WORKER2}),
        ("engine.labels.x == y", set()),
    ],
)
def test_constraints(constraint: str, nodes: set[str]) -> None:
    machines = [machine(MANAGER, 10), machine(WORKER1, 11, labels={"rack": "a"}), machine(WORKER2, 12)]
    state = run(form("seed", machines), service("web", 3, constraints=(constraint,)))
    assert {node for node in placement(state, "web").values() if node} == nodes


def test_constraint_on_the_nodes_id() -> None:
    formed = swarm()
    worker = formed.node_named(WORKER2)
    assert worker is not None
    assert placement(run(formed, service("web", constraints=(f"node.id=={worker.id}",))), "web") == {1: WORKER2}


@pytest.mark.parametrize(
    ("constraint", "sentence"),
    [
        ("node.role", "neither of the operators == and !="),
        ("node.colour == red", "asks for 'node.colour'; the keys are node.id, node.hostname"),
        ("node.labels. == red", "asks for 'node.labels.'"),
        ("node.role == ", "the value '', which is invalid"),
        ("node.ip == here", "wants an IPv4 address or network"),
    ],
)
def test_bad_constraints_are_refused(constraint: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        run(swarm(), service("web", constraints=(constraint,)))


def test_task_that_fits_nowhere_waits_and_says_why() -> None:
    state = run(unavailable(swarm(), MANAGER), service("web", constraints=("node.role == manager",)))
    waiting = task(state, "web")
    assert waiting.node is None
    assert waiting.error == (
        "no suitable node (scheduling constraints not satisfied on 2 nodes; 1 node not available for new tasks)"
    )


def test_host_mode_port_is_one_a_node_and_waits_for_the_next() -> None:
    state = run(swarm(), service("web", 4, ports=(publish(80, 8080, mode="host"),)))
    assert task(state, "web", 4).error == "no suitable node (host-mode port already in use on 3 nodes)"
    state = run(state, service("other", 1, ports=(publish(80, 8080, mode="host"),)))
    assert task(state, "other").node is None
    assert placement(run(state, RemoveService("web")), "other") == {1: MANAGER}


def test_host_mode_ports_that_differ_share_a_node() -> None:
    state = run(swarm(), service("web", 3, ports=(publish(80, 8080, mode="host"),)))
    state = run(
        state,
        service("udp", 3, ports=(publish(80, 8080, "udp", "host"),)),
        service("any", 3, ports=(publish(80, mode="host"),)),
    )
    assert all(task.node for task in state.tasks.values())


RACKS = {MANAGER: {"rack": "a"}, WORKER1: {"rack": "a", "row": "1"}, WORKER2: {"rack": "b"}}


def racks() -> ClusterState:
    return form(
        "seed", [machine(name, 10 + place, labels=labels) for place, (name, labels) in enumerate(RACKS.items())]
    )


def test_preference_spreads_over_a_labels_values_before_nodes() -> None:
    state = run(racks(), service("web", 4, preferences=("node.labels.rack",)))
    assert placement(state, "web") == {1: MANAGER, 2: WORKER2, 3: WORKER1, 4: WORKER2}


def test_preferences_form_a_tree_and_nodes_without_a_label_are_a_branch() -> None:
    state = run(racks(), service("web", 6, preferences=("node.labels.row", "node.labels.rack")))
    assert placement(state, "web") == {1: MANAGER, 2: WORKER1, 3: WORKER2, 4: WORKER1, 5: MANAGER, 6: WORKER1}


def test_no_more_of_a_service_on_a_node_than_it_says() -> None:
    state = run(swarm(), service("web", 7, max_replicas=2))
    assert task(state, "web", 7).error == "no suitable node (max replicas per node limit exceed)"
    assert Counter(placement(state, "web").values()) == {MANAGER: 2, WORKER1: 2, WORKER2: 2, None: 1}


def test_machine_outside_the_swarm_is_no_node() -> None:
    state = run(initialised(), service("web", 2))
    assert set(placement(state, "web").values()) == {MANAGER}
    state = run(state, service("far", constraints=("node.role == worker",)))
    assert task(state, "far").error == "no suitable node (scheduling constraints not satisfied on 1 node)"


def test_tasks_on_their_way_out_are_not_counted() -> None:
    state = run(swarm(), service("old", 4, pins=dict.fromkeys(range(1, 5), MANAGER)))
    state = step(state, RemoveService("old"))
    assert any(leaving.placed for leaving in state.tasks.values())
    assert placement(step(state, service("web")), "web") == {1: MANAGER}
