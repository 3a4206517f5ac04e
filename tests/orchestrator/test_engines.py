"""What an engine decides alone: marks, bridge addresses, port numbers of overlay namespaces."""

from __future__ import annotations

from ipaddress import IPv4Network

import pytest

from meshnet.errors import AllocationError
from meshnet.model import ClusterState, EndpointMode, EngineState
from meshnet.model.node import BALANCER
from meshnet.orchestrator import RemoveService, ScaleService, form
from tests.orchestrator.swarms import (
    MANAGER,
    WORKER1,
    WORKER2,
    gateway,
    machine,
    mark,
    network,
    publish,
    run,
    service,
    swarm,
)

WEB = (publish(80, 80),)


def engine(state: ClusterState, node: str = MANAGER) -> EngineState:
    found = state.node_named(node)
    assert found is not None
    return found.engine


def joins(state: ClusterState, node: str, on: str) -> dict[str, int]:
    """Owner (task name without its id, or ``balancer``) to port number."""
    where = state.network_named(on)
    assert where is not None
    names = {str(task.container): f"{task.service_name}.{task.slot}" for task in state.tasks.values()}
    return {
        names.get(owner, owner): number
        for (network, owner), number in engine(state, node).joins.items()
        if network == where.id
    }


def test_every_node_learns_of_a_published_service() -> None:
    state = run(swarm(), service("web", 1, ports=WEB))
    assert [mark(state, node, "web", "ingress") for node in (MANAGER, WORKER1, WORKER2)] == [0x100] * 3


def test_node_learns_of_a_user_network_when_it_joins_and_of_all_services_there() -> None:
    state = run(swarm(), network("a"), service("first", 1, networks=["a"], pins={1: MANAGER}))
    assert mark(state, WORKER2, "first", "a") is None
    state = run(state, service("second", 1, networks=["a"], pins={1: WORKER2}))
    assert (mark(state, WORKER2, "first", "a"), mark(state, WORKER2, "second", "a")) == (0x100, 0x101)
    assert (mark(state, MANAGER, "first", "a"), mark(state, MANAGER, "second", "a")) == (0x100, 0x101)
    assert mark(state, WORKER1, "first", "a") is None


def test_marks_of_one_service_differ_from_node_to_node() -> None:
    state = run(swarm(), network("a"), service("early", 1, networks=["a"], pins={1: MANAGER}))
    state = run(state, service("web", 1, ports=WEB))
    assert (mark(state, MANAGER, "web", "ingress"), mark(state, WORKER1, "web", "ingress")) == (0x101, 0x100)


def test_service_without_tasks_has_no_mark_and_gets_a_new_one() -> None:
    state = run(swarm(), service("web", 2, ports=WEB), ScaleService("web", 0))
    assert mark(state, MANAGER, "web", "ingress") is None
    assert mark(run(state, ScaleService("web", 1)), MANAGER, "web", "ingress") == 0x101


def test_scaling_keeps_the_mark() -> None:
    state = run(swarm(), service("web", 1, ports=WEB), ScaleService("web", 5), ScaleService("web", 1))
    assert mark(state, MANAGER, "web", "ingress") == 0x100


def test_service_without_a_vip_uses_a_mark_up() -> None:
    """libnetwork makes a load balancer, mark and all, before it looks whether there is a VIP."""
    state = run(
        swarm(),
        network("a"),
        service("rr", 1, networks=["a"], endpoint_mode=EndpointMode.DNSRR),
        service("web", 1, networks=["a"], pins={1: MANAGER}),
    )
    assert mark(state, MANAGER, "web", "a") == 0x101


def test_waiting_task_is_no_backend() -> None:
    state = run(swarm(), service("web", 1, ports=WEB, constraints=("node.role != worker", "node.role == worker")))
    assert mark(state, MANAGER, "web", "ingress") is None
    assert not engine(state).published


def test_published_and_balanced_stay() -> None:
    state = run(swarm(), network("a"), service("web", 3, networks=["a"], ports=WEB))
    ingress, user = state.network_named("ingress"), state.network_named("a")
    assert ingress is not None and user is not None
    assert engine(state).published
    assert engine(state).balanced == {ingress.id, user.id}
    state = run(state, RemoveService("web"))
    assert engine(state).published
    assert engine(state).balanced == {ingress.id}, "a user network's sandbox goes, and its rule with it"


def test_balanced_stays_while_the_network_does() -> None:
    state = run(swarm(), network("a"), service("web", 3, networks=["a"]))
    state = run(state, service("rr", 3, networks=["a"], endpoint_mode=EndpointMode.DNSRR), RemoveService("web"))
    user = state.network_named("a")
    assert user is not None
    assert engine(state).balanced == {user.id}


def test_network_without_a_vip_was_never_balanced() -> None:
    state = run(swarm(), network("a"), service("rr", 3, networks=["a"], endpoint_mode=EndpointMode.DNSRR))
    assert not engine(state).balanced


def test_user_network_alone_publishes_nothing() -> None:
    assert not engine(run(swarm(), network("a"), service("web", 3, networks=["a"]))).published


def test_bridge_gives_the_lowest_free_address() -> None:
    state = run(swarm(), network("a"), service("web", 3, networks=["a"], pins=dict.fromkeys((1, 2, 3), MANAGER)))
    assert [gateway(state, MANAGER, "web", slot) for slot in (1, 2, 3)] == ["172.18.0.3", "172.18.0.4", "172.18.0.5"]
    state = run(state, service("other", networks=["a"], pins={1: MANAGER}), ScaleService("web", 1))
    state = run(state, service("late", networks=["a"], pins={1: MANAGER}))
    assert (gateway(state, MANAGER, "other", 1), gateway(state, MANAGER, "late", 1)) == ("172.18.0.6", "172.18.0.4")


def test_task_on_internal_networks_alone_has_no_way_out() -> None:
    state = run(swarm(), network("inner", internal=True), network("outer"))
    state = run(
        state,
        service("shut", networks=["inner"], pins={1: MANAGER}),
        service("both", networks=["inner", "outer"], pins={1: MANAGER}),
        service("published", networks=["inner"], ports=WEB, pins={1: MANAGER}),
    )
    assert gateway(state, MANAGER, "shut", 1) is None
    assert gateway(state, MANAGER, "both", 1) == "172.18.0.3"
    assert gateway(state, MANAGER, "published", 1) == "172.18.0.4"


def test_task_on_no_overlay_stands_on_docker0() -> None:
    state = run(swarm(), service("web", ports=(publish(80, 80, mode="host"),)))
    assert gateway(state, MANAGER, "web", 1) == "172.17.0.2"


def test_ports_are_numbered_in_join_order_and_keep_their_numbers() -> None:
    state = run(swarm(), network("a"), service("web", 3, networks=["a"], pins=dict.fromkeys((1, 2, 3), MANAGER)))
    assert joins(state, MANAGER, "a") == {BALANCER: 0, "web.1": 1, "web.2": 2, "web.3": 3}
    state = run(state, ScaleService("web", 1), ScaleService("web", 2))
    assert joins(state, MANAGER, "a") == {BALANCER: 0, "web.1": 1, "web.2": 4}


def test_ports_are_numbered_anew_when_the_namespace_was_gone() -> None:
    pins = {1: MANAGER}
    state = run(swarm(), network("a"), service("web", networks=["a"], pins=pins), RemoveService("web"))
    assert not joins(state, MANAGER, "a")
    assert joins(run(state, service("web", networks=["a"], pins=pins)), MANAGER, "a") == {BALANCER: 0, "web.1": 1}


def test_18_03_has_no_balancer_on_a_user_network() -> None:
    state = form("seed", [machine(MANAGER, 10, "18.03")])
    state = run(state, network("a"), service("web", networks=["a"], ports=WEB))
    assert joins(state, MANAGER, "a") == {"web.1": 0}
    assert joins(state, MANAGER, "ingress") == {BALANCER: 0, "web.1": 1}


def test_bridge_that_is_full_is_said() -> None:
    state = form("seed", [machine(MANAGER, 10, gwbridge=IPv4Network("172.30.0.0/29"))])
    state = run(state, service("web", 4, ports=WEB))
    assert [gateway(state, MANAGER, "web", slot) for slot in (1, 4)] == ["172.30.0.3", "172.30.0.6"]
    with pytest.raises(AllocationError, match=r"no address is left on the bridge 172\.30\.0\.0/29"):
        run(state, ScaleService("web", 5))
