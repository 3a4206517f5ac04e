"""Machines that make a swarm, join it and leave it."""

from __future__ import annotations

import re
from dataclasses import replace
from ipaddress import IPv4Network

import pytest

from meshnet.errors import Refusal
from meshnet.model import (
    Availability,
    ClusterState,
    Membership,
    NetworkSpec,
    NodeRole,
    NodeStatus,
    StoredKind,
    StoredSpec,
    TaskState,
)
from meshnet.model.node import INGRESS_SBOX
from meshnet.orchestrator import CreateNetwork, settled, step
from meshnet.orchestrator.commands import CreateStored, InitSwarm, JoinSwarm, LeaveSwarm, UpdateSwarm
from meshnet.orchestrator.forming import gather
from tests.orchestrator.machines import alone, bridge, container, initialised, join, managed_by, node, refusal, running
from tests.orchestrator.machines import token as token_of
from tests.orchestrator.swarms import (
    MANAGER,
    UNDERLAY,
    WORKER1,
    WORKER2,
    balancer,
    machine,
    network,
    publish,
    run,
    service,
    swarm,
)


def test_machines_without_a_swarm_have_engines_and_nothing_of_a_swarms() -> None:
    state = alone()
    assert (state.version, state.swarm, state.networks) == (0, None, {})
    for each in state.nodes.values():
        assert (each.membership, each.attachments, each.engine.gateways) == (Membership.OUTSIDE, {}, {})
        assert not each.engine.gwbridge_made
        assert str(each.engine.docker0) == "172.17.0.0/16"


def test_swarm_made_and_joined_by_hand_is_the_swarm_that_a_lab_forms() -> None:
    by_hand = join(join(initialised(), WORKER1), WORKER2)
    formed = swarm()
    assert by_hand.swarm == formed.swarm
    assert list(by_hand.nodes.values()) == list(formed.nodes.values())
    assert by_hand.networks == formed.networks


def test_joining_gives_a_place_on_the_ingress_network_and_a_bridge_leg() -> None:
    state = initialised()
    assert (balancer(state, MANAGER, "ingress"), balancer(state, WORKER1, "ingress")) == ("10.0.0.2/24", None)
    state = join(state, WORKER1)
    worker = node(state, WORKER1)
    assert balancer(state, WORKER1, "ingress") == "10.0.0.3/24"
    assert str(worker.engine.gateways[INGRESS_SBOX]) == "172.18.0.2"
    assert worker.engine.gwbridge_made


def test_token_says_as_what_one_joins() -> None:
    state = join(join(initialised(), WORKER1, NodeRole.MANAGER), WORKER2)
    assert node(state, WORKER1).manages
    assert node(state, WORKER2).role is NodeRole.WORKER
    assert state.leader.name == MANAGER


def test_who_makes_the_swarm_leads_it_whatever_the_machines_order() -> None:
    state = join(initialised(WORKER2), MANAGER, NodeRole.MANAGER)
    assert state.leader.name == WORKER2
    assert balancer(state, WORKER2, "ingress") == "10.0.0.2/24"


def test_tokens_look_like_dockers_and_differ() -> None:
    made = swarm().swarm
    assert made is not None
    tokens = (made.worker_token, made.manager_token)
    assert all(re.fullmatch(r"SWMTKN-1-[0-9a-z]{50}-[0-9a-z]{25}", token) for token in tokens)
    assert tokens[0].split("-")[2] == tokens[1].split("-")[2]
    assert tokens[0] != tokens[1]


def test_availability_is_had_from_the_start() -> None:
    state = initialised(availability=Availability.DRAIN)
    assert node(state, MANAGER).availability is Availability.DRAIN
    state = step(state, JoinSwarm(WORKER1, token_of(state), Availability.PAUSE))
    assert node(state, WORKER1).availability is Availability.PAUSE


def test_pool_of_ones_own_gives_ingress_and_networks_their_subnets() -> None:
    state = run(initialised(pool="10.20.0.0/16", pool_prefix=26), network("a"))
    assert [str(each.subnet) for each in state.networks.values()] == ["10.20.0.0/26", "10.20.0.64/26"]


@pytest.mark.parametrize(("pool", "prefix"), [("10.20.0.1/16", 24), ("x", 24), ("10.20.0.0/16", 8), ("", 30)])
def test_pools_that_make_no_sense_are_refused(pool: str, prefix: int) -> None:
    assert refusal(alone(), InitSwarm(MANAGER, pool=pool, pool_prefix=prefix))[0] is Refusal.INVALID_ARGUMENT


def test_wrong_token_lets_nobody_in() -> None:
    assert refusal(initialised(), JoinSwarm(WORKER1, "SWMTKN-1-x-y")) == (
        Refusal.INVALID_ARGUMENT,
        "A valid join token is necessary to join this cluster",
    )


def test_no_swarm_no_joining() -> None:
    assert refusal(alone(), JoinSwarm(WORKER1, "SWMTKN-1-x-y"))[0] is Refusal.UNAVAILABLE


@pytest.mark.parametrize("command", [InitSwarm(MANAGER), JoinSwarm(MANAGER, "any")])
def test_member_neither_makes_nor_joins_another(command: InitSwarm | JoinSwarm) -> None:
    kind, words = refusal(swarm(), command)
    assert kind is Refusal.UNAVAILABLE
    assert words.startswith("This node is already part of a swarm. Use ")


def test_lab_holds_one_swarm() -> None:
    kind, words = refusal(initialised(), InitSwarm(WORKER1))
    assert kind is Refusal.FAILED_PRECONDITION
    assert "one lab holds one swarm, and swarm-manager leads it" in words


def test_machine_outside_cannot_leave() -> None:
    assert refusal(alone(), LeaveSwarm(MANAGER)) == (Refusal.UNAVAILABLE, "This node is not part of a swarm")


def left_and_outside(state: ClusterState, name: str) -> tuple[Membership, Membership]:
    first, second = (each for each in state.nodes.values() if each.name == name)
    return first.membership, second.membership


def test_worker_that_leaves_stays_in_the_list_and_its_machine_goes_on() -> None:
    before = swarm()
    state = step(before, LeaveSwarm(WORKER1))
    old, new = state.nodes[node(before, WORKER1).id], node(state, WORKER1)
    assert (old.membership, old.status, old.attachments) == (Membership.LEFT, NodeStatus.DOWN, {})
    assert (new.membership, new.attachments, new.engine.gateways) == (Membership.OUTSIDE, {}, {})
    assert new.engine.gwbridge_made
    assert old.id != new.id
    ingress = state.ingress
    assert ingress is not None
    assert before.nodes[old.id].attachments[ingress.id].ip not in state.counters.taken[ingress.id]


def test_machine_that_left_joins_again_as_another_node() -> None:
    before = swarm()
    state = join(step(before, LeaveSwarm(WORKER1)), WORKER1)
    assert node(state, WORKER1).member
    assert node(state, WORKER1).id not in before.nodes
    assert len([each for each in state.nodes.values() if each.name == WORKER1]) == 2


def test_tasks_of_a_node_that_leaves_have_others_in_their_place_and_stay_in_the_list() -> None:
    before = run(swarm(), network("a"), service("web", 3, networks=["a"]))
    gone = node(before, WORKER1).id
    state = settled(step(before, LeaveSwarm(WORKER1)))
    placed = list(state.placed_tasks())
    assert len(placed) == 3
    assert gone not in {task.node for task in placed}
    (left,) = (task for task in state.tasks.values() if task.node == gone)
    assert (left.state, left.desired) == (TaskState.RUNNING, TaskState.SHUTDOWN)


def test_containers_of_a_node_that_leaves_lose_overlays_and_keep_the_rest() -> None:
    state = run(swarm(), network("a", attachable=True), bridge("b", on=WORKER1))
    state = running(state, on=WORKER1, networks=("a", "b"))
    assert container(state, on=WORKER1).attachments
    state = step(state, LeaveSwarm(WORKER1))
    after = container(state, on=WORKER1)
    assert (after.attachments, [str(each) for each in after.bridges.values()]) == ((), ["172.19.0.2/16"])
    assert after.placed
    assert [each.node for each in state.bridges.values()] == [node(state, WORKER1).id]


def test_last_manager_is_warned_then_takes_the_swarm_along() -> None:
    state = run(
        swarm(),
        CreateStored(StoredSpec(StoredKind.CONFIG, "c", b"x")),
        network("a"),
        service("web", 2, networks=["a"], ports=(publish(80),)),
    )
    state = running(state)
    kind, words = refusal(state, LeaveSwarm(MANAGER))
    assert kind is Refusal.UNAVAILABLE
    assert words == (
        "You are attempting to leave the swarm on a node that is participating as a manager. Removing the last manager "
        "erases all current state of the swarm. Use `--force` to ignore this message."
    )
    after = step(state, LeaveSwarm(MANAGER, force=True))
    assert after.swarm is None
    assert not (after.networks or after.services or after.tasks or after.stored or after.counters.taken)
    assert [each.membership for each in after.nodes.values()] == [Membership.OUTSIDE] * 3
    assert not set(after.nodes) & set(state.nodes)
    assert container(after).placed
    again = join(step(after, InitSwarm(WORKER1)), MANAGER)
    assert again.swarm is not None and state.swarm is not None
    assert again.swarm.worker_token != state.swarm.worker_token
    assert [str(each.subnet) for each in again.networks.values()] == ["10.0.0.0/24"]


@pytest.mark.parametrize(("managers", "counted"), [(2, "leaves 1 managers out of 2"), (3, None)])
def test_manager_is_warned_of_the_quorum_only_where_it_goes(managers: int, counted: str | None) -> None:
    kind, words = refusal(managed_by(managers), LeaveSwarm("manager1"))
    assert kind is Refusal.UNAVAILABLE
    assert "`--force-new-cluster`" in words
    assert ("Removing this node" in words) == (counted is not None)
    assert counted is None or counted in words


def test_manager_that_leaves_hands_over() -> None:
    state = step(managed_by(3), LeaveSwarm("manager1", force=True))
    assert state.leader.name == "manager2"


def test_settings_and_tokens_change() -> None:
    before = swarm()
    assert before.swarm is not None
    spec = replace(before.swarm.spec, history=2)
    state = step(before, UpdateSwarm(spec, before.swarm.meta.version, rotate_worker_token=True))
    assert state.swarm is not None
    assert state.swarm.spec.history == 2
    assert state.swarm.worker_token != before.swarm.worker_token
    assert state.swarm.manager_token == before.swarm.manager_token
    assert state.swarm.worker_token.split("-")[2] == before.swarm.worker_token.split("-")[2]


def test_settings_seen_at_another_version_do_not_change() -> None:
    state = swarm()
    assert state.swarm is not None
    command = UpdateSwarm(state.swarm.spec, state.swarm.meta.version + 1)
    assert refusal(state, command) == (Refusal.UNKNOWN, "update out of sequence")


def test_old_token_lets_nobody_in() -> None:
    state = initialised()
    assert state.swarm is not None
    rotated = step(state, UpdateSwarm(state.swarm.spec, rotate_worker_token=True))
    assert refusal(rotated, JoinSwarm(WORKER1, token_of(state)))[1].startswith("A valid join token")


def test_early_managers_set_an_address_aside_for_who_joins_later() -> None:
    machines = [machine(MANAGER, 10, "18.03"), machine(WORKER1, 11, "18.03")]
    state = run(gather("test", machines, reserved=[UNDERLAY]), InitSwarm(MANAGER), network("a"))
    where = state.network_named("a")
    assert where is not None
    assert len(state.counters.balancers[where.id]) == 1
    state = join(state, WORKER1)
    assert len(state.counters.balancers[where.id]) == 2
    state = step(state, LeaveSwarm(WORKER1))
    assert len(state.counters.balancers[where.id]) == 1
    assert len(state.counters.taken[where.id]) == 2


def test_networks_and_configs_want_a_swarm() -> None:
    for command in (
        CreateNetwork(NetworkSpec("a", IPv4Network("10.9.0.0/24"))),
        CreateStored(StoredSpec(StoredKind.SECRET, "s", b"x")),
    ):
        kind, words = refusal(alone(), command)
        assert kind is Refusal.UNAVAILABLE
        assert words.startswith("This node is not a swarm manager. Use ")
