"""Containers outside services."""

from __future__ import annotations

import re
from typing import Any

import pytest

from meshnet.errors import Refusal
from meshnet.model import SECOND, ClusterState, ContainerId, ContainerState, RestartCondition
from meshnet.model.node import BALANCER
from meshnet.orchestrator import RemoveNetwork, containers, step
from meshnet.orchestrator.commands import (
    ContainerExited,
    ContainerRefused,
    ContainerStarted,
    RemoveContainer,
    StartContainer,
    StopContainer,
    Tick,
)
from tests.orchestrator.machines import alone, bridge, container, created, for_container, node, refusal, running
from tests.orchestrator.swarms import MANAGER, WORKER1, balancer, network, publish, run, service, swarm

NOW = 1000 * SECOND


def host_port(target: int, published: int = 0) -> Any:
    return publish(target, published, mode="host")


def gateway(state: ClusterState, name: str = "box") -> str | None:
    found = node(state, MANAGER).engine.gateways.get(container(state, name).id)
    return None if found is None else str(found)


def test_created_container_has_its_ids_and_no_place_yet() -> None:
    made = container(created(alone()))
    assert (made.state, made.wanted, made.placed, made.starting) == (ContainerState.CREATED, False, False, False)
    assert len(made.id) == len(made.sandbox) == 64
    assert made.hostname == made.id[:12]


def test_life_of_a_container() -> None:
    state = created(alone())
    state = for_container(StartContainer, state)
    assert container(state).starting and container(state).placed
    state = step(state, ContainerStarted(container(state).id, pid=7), NOW)
    assert (container(state).state, container(state).pid, container(state).started) == (ContainerState.RUNNING, 7, NOW)
    state = for_container(StopContainer, state)
    assert container(state).placed and not container(state).wanted
    state = step(state, ContainerExited(container(state).id, 137), NOW + 1)
    made = container(state)
    assert (made.state, made.exit_code, made.finished, made.pid) == (ContainerState.EXITED, 137, NOW + 1, 0)
    assert not made.placed
    assert not for_container(RemoveContainer, state).containers


def test_names_are_one_nodes_and_one_containers() -> None:
    state = created(swarm())
    id = container(state).id
    with pytest.raises(Exception, match=f'"/box" is already in use by container "{id}"'):
        created(state)
    assert len(created(state, on=WORKER1).containers) == 2


def test_task_has_its_name_on_its_node() -> None:
    state = run(swarm(), service("web"))
    (task,) = state.tasks.values()
    assert task.node is not None
    with pytest.raises(Exception, match="is already in use by container"):
        created(state, task.name, on=state.nodes[task.node].name)


@pytest.mark.parametrize("name", ["-a", "a b", "x", "ä1"])
def test_names_that_cannot_be_are_refused(name: str) -> None:
    with pytest.raises(Exception, match=r"Invalid container name \("):
        created(alone(), name)


def test_nobodys_name_is_two_words_that_the_seed_decides() -> None:
    first, second = (next(iter(created(alone(), "").containers.values())).name for _ in range(2))
    assert first == second
    assert re.fullmatch(r"[a-z]+_[a-z]+", first)
    assert len({each.name for each in created(created(alone(), ""), "").containers.values()}) == 2


def test_container_goes_out_by_docker0_where_it_names_no_network() -> None:
    state = running(running(alone()), "other", networks=("bridge",))
    assert (gateway(state), gateway(state, "other")) == ("172.17.0.2", "172.17.0.3")
    assert not node(state, MANAGER).engine.gwbridge_made


def test_bridge_address_is_free_again_once_it_has_ended() -> None:
    state = running(alone())
    state = step(state, ContainerExited(container(state).id))
    assert gateway(state) is None
    assert gateway(running(state, "next"), "next") == "172.17.0.2"


@pytest.mark.parametrize("mode", ["none", "host"])
def test_container_without_networks_or_with_the_nodes_has_no_address(mode: str) -> None:
    state = running(alone(), networks=(mode,), ports=(host_port(80, 8080),))
    assert gateway(state) is None
    assert (container(state).attachments, container(state).bridges) == ((), {})


def test_host_network_publishes_nothing() -> None:
    assert container(running(alone(), networks=("host",), ports=(host_port(80, 8080),))).ports == ()


@pytest.mark.parametrize("networks", [("host", "bridge"), ("none", "a")])
def test_modes_stand_alone(networks: tuple[str, ...]) -> None:
    with pytest.raises(Exception, match="conflicting options"):
        created(run(alone(), bridge("a")), networks=networks)


def test_user_bridge_leads_out_by_itself_and_an_internal_one_leads_nowhere() -> None:
    state = run(swarm(), network("over", attachable=True), bridge("a"), bridge("shut", internal=True))
    state = running(state, "plain", networks=("a",))
    state = running(state, "both", networks=("a", "over"))
    state = running(state, "inside", networks=("shut", "over"))
    assert [gateway(state, name) for name in ("plain", "both", "inside")] == [None, None, "172.18.0.3"]


def test_overlay_gives_an_address_a_balancer_and_a_way_out() -> None:
    state = running(run(swarm(), network("a", attachable=True)), networks=("a",))
    made, at = container(state), node(state, MANAGER)
    where = state.network_named("a")
    assert where is not None
    assert [str(leg.address) for leg in made.attachments] == ["10.0.1.2/24"]
    assert balancer(state, MANAGER, "a") == "10.0.1.3/24"
    assert gateway(state) == "172.18.0.3"
    assert (at.engine.joins[where.id, BALANCER], at.engine.joins[where.id, made.id]) == (0, 1)
    state = step(state, ContainerExited(made.id))
    assert balancer(state, MANAGER, "a") is None
    assert state.counters.taken[where.id] == {where.gateway}


def test_internal_overlay_has_no_way_out() -> None:
    assert gateway(running(run(swarm(), network("a", attachable=True, internal=True)), networks=("a",))) is None


def test_overlay_in_use_by_a_container_is_not_removed() -> None:
    state = running(run(swarm(), network("a", attachable=True)), networks=("a",))
    kind, words = refusal(state, RemoveNetwork("a"))
    assert kind is Refusal.FAILED_PRECONDITION
    assert words.endswith(f"is in use by container {container(state).id}")


def test_overlay_that_is_not_attachable_takes_no_container() -> None:
    with pytest.raises(Exception, match=r"Could not attach to network a: .* network a not manually attachable"):
        created(run(swarm(), network("a")), networks=("a",))


def test_network_that_is_not_there_keeps_it_from_starting_as_in_docker() -> None:
    for state in (swarm(), alone()):
        made = created(state, networks=("nothing",))
        assert refusal(made, StartContainer(container(made).id)) == (Refusal.NOT_FOUND, "network nothing not found")


def test_network_that_went_meanwhile_keeps_it_from_starting() -> None:
    state = created(run(swarm(), network("a", attachable=True)), networks=("a",))
    found = refusal(run(state, RemoveNetwork("a")), StartContainer(container(state).id))
    assert found == (Refusal.NOT_FOUND, "network a not found")


def test_networks_are_meant_by_id_too() -> None:
    state = run(swarm(), network("a", attachable=True))
    where = state.network_named("a")
    assert where is not None
    made = container(created(state, networks=(where.id,), aliases={where.id: ("x",)}))
    assert (made.spec.networks, made.spec.aliases) == (("a",), {"a": ("x",)})


def test_wished_address_is_for_networks_of_ones_own() -> None:
    with pytest.raises(Exception, match="user specified IP address is supported on user defined networks only"):
        created(alone(), networks=("bridge",), addresses={"bridge": "172.17.0.9"})
    with pytest.raises(Exception, match="user specified IP address is supported on user defined networks only"):
        created(alone(), addresses={"default": "172.17.0.9"})
    state = run(swarm(), network("a", attachable=True))
    made = container(running(state, networks=("a",), addresses={"a": "10.0.1.77"}))
    assert [str(leg.address) for leg in made.attachments] == ["10.0.1.77/24"]


def test_ports_nobody_chose_are_given_from_32768() -> None:
    state = running(alone(), ports=(host_port(80), host_port(81), host_port(82, 32769)))
    assert [port.published for port in container(state).ports] == [32768, 32770, 32769]


def test_port_is_one_containers_until_it_ends() -> None:
    state = created(running(alone(), ports=(host_port(80, 8080),)), "other", ports=(host_port(80, 8080),))
    id = container(state, "other").id
    assert refusal(state, StartContainer(id)) == (
        Refusal.UNKNOWN,
        f"driver failed programming external connectivity on endpoint other ({id}): "
        "Bind for 0.0.0.0:8080 failed: port is already allocated",
    )
    state = run(state, ContainerExited(container(state).id), StartContainer(id))
    assert container(state, "other").wanted


def test_ports_of_tasks_and_of_the_mesh_are_taken_too() -> None:
    state = run(swarm(), service("web", 3, ports=(publish(80, 8080, mode="host"), publish(80, 9090))))
    for number, words in ((8080, "port is already allocated"), (9090, "address already in use")):
        made = created(state, ports=(host_port(80, number),))
        assert words in refusal(made, StartContainer(container(made).id))[1]


def test_running_container_is_not_removed_and_not_started_twice() -> None:
    state = running(alone())
    kind, words = refusal(state, RemoveContainer(container(state).id))
    assert kind is Refusal.ALREADY_EXISTS
    assert "stop the container before removing or force remove" in words
    assert for_container(StartContainer, state).containers == state.containers


def test_unknown_container_is_said() -> None:
    for ask in (StartContainer, StopContainer, RemoveContainer):
        assert refusal(alone(), ask(ContainerId("x")))[1] == "No such container: x"


def ended(state: ClusterState, code: int = 1, now: int = NOW + 5 * SECOND) -> ClusterState:
    return step(state, ContainerExited(container(state).id, code), now)


@pytest.mark.parametrize(
    ("restart", "code", "again"),
    [
        (RestartCondition.NONE, 1, False),
        (RestartCondition.ON_FAILURE, 0, False),
        (RestartCondition.ON_FAILURE, 1, True),
        (RestartCondition.ANY, 0, True),
    ],
)
def test_restart_policy_decides_whether_it_starts_again(restart: RestartCondition, code: int, again: bool) -> None:
    state = ended(running(alone(), now=NOW, restart=restart), code)
    assert container(state).starting is again
    assert container(state).restarts == again


def test_failures_are_counted() -> None:
    state = running(alone(), now=NOW, restart=RestartCondition.ON_FAILURE, max_attempts=1)
    state = ended(state)
    assert container(state).starting
    state = step(state, ContainerStarted(container(state).id), NOW + 6 * SECOND)
    assert not container(ended(state, now=NOW + 9 * SECOND)).wanted


def test_restarts_are_a_second_apart() -> None:
    state = ended(running(alone(), now=NOW, restart=RestartCondition.ANY), now=NOW + 1)
    assert not container(state).starting
    assert containers.next_deadline(state) == NOW + SECOND
    assert not container(step(state, Tick(), NOW + SECOND - 1)).starting
    state = step(state, Tick(), NOW + SECOND)
    assert container(state).starting
    assert containers.next_deadline(state) is None


def test_container_that_was_stopped_stays_so() -> None:
    state = for_container(StopContainer, running(alone(), now=NOW, restart=RestartCondition.ANY))
    assert not container(ended(state)).placed
    waiting = ended(running(alone(), now=NOW, restart=RestartCondition.ANY), now=NOW + 1)
    assert not container(for_container(StopContainer, waiting)).placed


def test_container_that_removes_itself_is_gone_once_its_end_has_been_seen() -> None:
    state = ended(running(alone(), auto_remove=True), now=NOW)
    assert container(state).exit_code == 1
    assert not step(state, Tick(), containers.next_deadline(state) or 0).containers
    state = for_container(StartContainer, created(alone(), auto_remove=True))
    state = step(state, ContainerRefused(container(state).id, "no such file"))
    assert not step(state, Tick(), NOW).containers


def test_container_that_cannot_be_started_says_why_and_gives_all_back() -> None:
    state = for_container(StartContainer, created(alone(), restart=RestartCondition.ANY))
    state = step(state, ContainerRefused(container(state).id, "no such file"))
    made = container(state)
    assert (made.state, made.wanted, made.exit_code, made.error) == (
        ContainerState.CREATED,
        False,
        127,
        "no such file",
    )
    assert gateway(state) is None
