"""Nodes in the managers' list: changed, found and removed."""

from __future__ import annotations

import pytest

from meshnet.errors import Refusal
from meshnet.model import Availability, Membership, NodeRole
from meshnet.orchestrator import step
from meshnet.orchestrator.commands import LeaveSwarm, RemoveNode, Tick, UpdateNode
from tests.orchestrator.machines import alone, changed, container, join, managed_by, node, refusal, running
from tests.orchestrator.swarms import MANAGER, WORKER1, network, run, service, swarm


def test_availability_labels_and_name_change() -> None:
    state = swarm()
    command = changed(state, WORKER1, availability=Availability.PAUSE, labels={"rack": "1"}, spec_name="left")
    worker = node(step(state, command), WORKER1)
    assert (worker.availability, worker.labels, worker.spec_name) == (Availability.PAUSE, {"rack": "1"}, "left")


def test_event_says_what_changed() -> None:
    state = swarm()
    after = step(state, changed(state, WORKER1, role=NodeRole.MANAGER, availability=Availability.DRAIN))
    assert after.events[-1].reason == "node swarm-worker1 updated: a manager, availability drain"


def test_worker_is_promoted_and_the_old_leader_demoted() -> None:
    state = swarm()
    state = step(state, changed(state, WORKER1, role=NodeRole.MANAGER))
    state = step(state, changed(state, MANAGER, role=NodeRole.WORKER))
    assert state.leader.name == WORKER1


def test_last_manager_is_not_demoted() -> None:
    state = swarm()
    assert refusal(state, changed(state, MANAGER, role=NodeRole.WORKER)) == (
        Refusal.FAILED_PRECONDITION,
        "attempting to demote the last manager of the swarm",
    )


def test_node_seen_at_another_version_does_not_change() -> None:
    state = swarm()
    command = changed(state, WORKER1, version=node(state, WORKER1).meta.version + 1)
    assert refusal(state, command) == (Refusal.UNKNOWN, "update out of sequence")


def test_version_is_the_managers_whatever_its_engine_does() -> None:
    before = step(swarm(), Tick())
    state = running(before, on=WORKER1)
    assert node(state, WORKER1).engine != node(before, WORKER1).engine
    assert node(state, WORKER1).meta == node(before, WORKER1).meta
    seen = node(before, WORKER1).meta.version
    state = step(state, changed(state, WORKER1, availability=Availability.PAUSE, version=seen))
    assert node(state, WORKER1).meta.version == state.version


@pytest.mark.parametrize("part", [slice(None), slice(0, 8)])
def test_node_is_found_by_id_and_its_beginning(part: slice) -> None:
    state = swarm()
    id = node(state, WORKER1).id
    after = step(state, UpdateNode(id[part], NodeRole.WORKER, Availability.DRAIN))
    assert after.nodes[id].availability is Availability.DRAIN


def test_nobody_is_found_where_nobody_is() -> None:
    asked = UpdateNode("nobody", NodeRole.WORKER, Availability.ACTIVE)
    assert refusal(swarm(), asked) == (Refusal.NOT_FOUND, "node nobody not found")
    outside = UpdateNode(WORKER1, NodeRole.WORKER, Availability.ACTIVE)
    assert refusal(alone(), outside) == (Refusal.NOT_FOUND, f"node {WORKER1} not found")


def test_two_records_of_a_name_are_told_apart_by_id_only() -> None:
    state = join(step(swarm(), LeaveSwarm(WORKER1)), WORKER1)
    assert refusal(state, RemoveNode(WORKER1))[1] == f"node {WORKER1} is ambiguous (2 matches found)"
    gone = next(each.id for each in state.nodes.values() if each.membership is Membership.LEFT)
    assert [each.name for each in step(state, RemoveNode(gone)).nodes.values()].count(WORKER1) == 1


def test_node_that_is_up_is_removed_by_force_only() -> None:
    state = swarm()
    id = node(state, WORKER1).id
    assert refusal(state, RemoveNode(WORKER1)) == (
        Refusal.FAILED_PRECONDITION,
        f"node {id} is not down and can't be removed",
    )
    after = step(state, RemoveNode(WORKER1, force=True))
    assert id not in after.nodes
    assert node(after, WORKER1).membership is Membership.OUTSIDE


@pytest.mark.parametrize("force", [False, True])
def test_manager_is_demoted_before_it_is_removed(force: bool) -> None:
    state = step(managed_by(3), LeaveSwarm("manager3", force=True))
    gone = next(each for each in state.nodes.values() if each.membership is Membership.LEFT)
    kind, words = refusal(state, RemoveNode(gone.id, force))
    assert kind is Refusal.FAILED_PRECONDITION
    assert words == (
        f"node {gone.id} is a cluster manager and is a member of the raft cluster. "
        "It must be demoted to worker before removal"
    )
    state = run(state, UpdateNode(gone.id, NodeRole.WORKER, Availability.ACTIVE), RemoveNode(gone.id))
    assert gone.id not in state.nodes


def test_removed_node_takes_its_tasks_and_leaves_its_containers() -> None:
    state = running(run(swarm(), network("a"), service("web", 3, networks=["a"])), on=WORKER1)
    id = node(state, WORKER1).id
    after = step(state, RemoveNode(WORKER1, force=True))
    assert id not in {task.node for task in after.tasks.values()}
    where, made = after.network_named("a"), after.service_named("web")
    assert where is not None and made is not None
    held = {leg.ip for task in after.tasks.values() if (leg := task.address_on(where.id))}
    held |= {each.attachments[where.id].ip for each in after.nodes.values() if where.id in each.attachments}
    assert after.counters.taken[where.id] == held | {where.gateway, made.vips[where.id].ip}
    assert container(after, on=WORKER1).node == node(after, WORKER1).id
