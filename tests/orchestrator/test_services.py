"""Services: slots, scaling, removing, and what is refused."""

from __future__ import annotations

import pytest

from meshnet.errors import AllocationError, InputError
from meshnet.model import EndpointMode, TaskState
from meshnet.orchestrator import RemoveService, ScaleService
from tests.orchestrator.swarms import (
    MANAGER,
    WORKER1,
    WORKER2,
    address,
    network,
    placement,
    publish,
    run,
    service,
    swarm,
    task,
    unavailable,
)


def test_slots_are_numbered_from_one_and_spread() -> None:
    state = run(swarm(), service("web", 4))
    assert placement(state, "web") == {1: MANAGER, 2: WORKER1, 3: WORKER2, 4: MANAGER}


def test_ids_have_dockers_forms() -> None:
    made = task(run(swarm(), service("web")), "web")
    assert (len(made.id), len(made.service), len(made.container), len(made.sandbox)) == (25, 25, 64, 64)
    assert made.name == f"web.1.{made.id}"


def test_pinned_slots_are_the_first_used() -> None:
    state = run(swarm(), service("web", 2, pins={1: MANAGER, 3: WORKER2}))
    assert placement(state, "web") == {1: MANAGER, 3: WORKER2}
    assert placement(run(state, ScaleService("web", 4)), "web") == {1: MANAGER, 3: WORKER2, 2: WORKER1, 4: MANAGER}


def test_scaling_up_fills_the_lowest_free_slot() -> None:
    state = run(swarm(), service("web", 3), ScaleService("web", 1), ScaleService("web", 2))
    assert placement(state, "web") == {1: MANAGER, 2: WORKER1}


def test_scaling_down_takes_from_the_node_with_most_copies() -> None:
    pins = {1: WORKER1, 2: WORKER1, 3: MANAGER}
    state = run(swarm(), service("web", 3, pins=pins), ScaleService("web", 2))
    assert placement(state, "web") == {1: WORKER1, 3: MANAGER}


def test_scaling_down_takes_the_last_slot_of_equals() -> None:
    state = run(swarm(), service("web", 3), ScaleService("web", 2))
    assert placement(state, "web") == {1: MANAGER, 2: WORKER1}
    state = run(swarm(), service("story", 3, pins={1: MANAGER, 3: WORKER2, 2: WORKER1}), ScaleService("story", 2))
    assert placement(state, "story") == {1: MANAGER, 3: WORKER2}, "the last of the order in which slots are pinned"


def test_scaling_down_takes_waiting_tasks_first() -> None:
    state = run(swarm(), service("web", 4, ports=(publish(80, 80, mode="host"),)))
    assert placement(state, "web")[4] is None
    assert placement(run(state, ScaleService("web", 3)), "web") == {1: MANAGER, 2: WORKER1, 3: WORKER2}


def test_scaling_down_takes_a_waiting_task_before_a_second_copy() -> None:
    state = run(swarm(), service("web", 2, pins={1: WORKER1, 2: WORKER1}))
    state = run(unavailable(state, MANAGER, WORKER1, WORKER2), ScaleService("web", 3))
    assert placement(state, "web")[3] is None
    assert placement(run(state, ScaleService("web", 2)), "web") == {1: WORKER1, 2: WORKER1}


def test_scaling_to_what_it_is_changes_no_task() -> None:
    state = run(swarm(), service("web", 2))
    assert run(state, ScaleService("web", 2)).tasks == state.tasks


def test_removing_frees_everything() -> None:
    before = run(swarm(), network("a"))
    after = run(before, service("web", 5, networks=["a"], ports=(publish(80, 80),)), RemoveService("web"))
    assert not after.tasks
    assert not after.services
    assert after.counters.taken == before.counters.taken
    for node in after.nodes.values():
        assert list(node.engine.gateways) == ["ingress-sbox"]
        assert not node.engine.marks


def test_task_without_an_address_stays_new_and_is_tried_again() -> None:
    state = run(swarm(), network("small", "10.9.0.0/29"), service("web", 1, networks=["small"]))
    state = run(state, service("other", 1, networks=["small"]), ScaleService("web", 2))
    # .1 gateway, .2 .3 .4 VIP, task and balancer, .5 .6 VIP and task of the other, which nothing is left to spread
    assert placement(state, "other") == {1: MANAGER}
    waiting = task(state, "web", 2)
    assert (waiting.state, waiting.attachments) == (TaskState.NEW, ())
    assert waiting.error == "no address is left on the network small (10.9.0.0/29)"
    state = run(state, RemoveService("other"))
    assert task(state, "web", 2).node is not None
    assert task(state, "web", 2).error == ""


def test_node_without_an_address_for_its_balancer_gets_no_task() -> None:
    state = run(swarm(), network("small", "10.9.0.0/29"), service("web", 1, networks=["small"]))
    state = run(state, service("other", 1, networks=["small"], constraints=("node.hostname == swarm-worker2",)))
    waiting = task(state, "other")
    assert waiting.state is TaskState.PENDING
    assert waiting.error == (
        "no suitable node (scheduling constraints not satisfied on 2 nodes; "
        "1 node missing network attachments, ip addresses may be exhausted)"
    )


def test_service_without_a_vip() -> None:
    state = run(swarm(), network("a"), service("rr", 2, networks=["a"], endpoint_mode=EndpointMode.DNSRR))
    made = state.service_named("rr")
    assert made is not None
    assert not made.vips
    assert address(state, "rr", 1, "a") == "10.0.1.2/24"


def test_networks_are_joined_in_the_order_of_their_ids() -> None:
    state = run(swarm(), network("a"), network("b"), network("c"), service("web", networks=["c", "a", "b", "a"]))
    made = task(state, "web")
    assert [leg.network for leg in made.attachments] == sorted(leg.network for leg in made.attachments)
    assert len(made.attachments) == 3


def test_second_service_of_a_name_is_refused() -> None:
    with pytest.raises(InputError, match="name conflicts with an existing object: service web already exists"):
        run(swarm(), service("web"), service("web"))


def test_service_on_unknown_or_ingress_network_is_refused() -> None:
    with pytest.raises(InputError, match="network nope not found"):
        run(swarm(), service("web", networks=["nope"]))
    with pytest.raises(InputError, match='cannot be explicitly attached to the ingress network "ingress"'):
        run(swarm(), service("web", networks=["ingress"]))


def test_pin_to_an_unknown_node_is_refused() -> None:
    with pytest.raises(InputError, match=r"web\.1 is to run on nowhere, and the swarm's nodes are swarm-manager, "):
        run(swarm(), service("web", pins={1: "nowhere"}))


def test_unknown_service_is_refused() -> None:
    with pytest.raises(InputError, match="service web not found"):
        run(swarm(), ScaleService("web", 2))
    with pytest.raises(InputError, match="service web not found"):
        run(swarm(), RemoveService("web"))


def test_fewer_than_no_replicas_are_refused() -> None:
    with pytest.raises(InputError, match="Number of replicas must be non-negative"):
        run(swarm(), service("web"), ScaleService("web", -1))


def test_refused_command_leaves_the_state() -> None:
    state = run(swarm(), network("small", "10.9.0.0/29"))
    state = run(state, *(service(f"web{number}", 0, networks=["small"]) for number in range(4)))
    version = state.version
    with pytest.raises(AllocationError):
        run(state, service("last", 0, networks=["small"]), service("over", 0, networks=["small"]))
    assert state.version == version
    assert state.service_named("last") is None


def test_events_say_what_became_of_tasks() -> None:
    state = run(swarm(), service("web", 2), ScaleService("web", 1))
    assert [event.reason for event in state.events[1:]] == [
        "service web created; web.1 to swarm-manager; web.2 to swarm-worker1",
        "web.1 runs; web.2 runs",
        "service web scaled to 1; web.2 drains on swarm-worker1",
        "time passed; web.2 is to stop on swarm-worker1",
        "web.2 stopped; web.2 left swarm-worker1",
    ]
    assert [event.version for event in state.events] == [0, 1, 2, 3, 4, 5]
