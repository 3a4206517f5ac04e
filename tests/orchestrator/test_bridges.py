"""Bridge networks of one node."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest

from meshnet.errors import AllocationError, Refusal
from meshnet.model import ClusterState
from meshnet.orchestrator import step
from meshnet.orchestrator.commands import ContainerExited, RemoveBridge, RemoveContainer, StartContainer, StopContainer
from tests.orchestrator.machines import alone, bridge, container, created, refusal, running
from tests.orchestrator.swarms import MANAGER, WORKER1, network, run, swarm


def subnets(state: ClusterState) -> list[str]:
    return [str(each.subnet) for each in state.bridges.values()]


def test_subnets_follow_docker0s_and_gwbridges_on_each_node_alone() -> None:
    state = run(alone(), bridge("a"), bridge("b"), bridge("a", on=WORKER1))
    assert subnets(state) == ["172.19.0.0/16", "172.20.0.0/16", "172.19.0.0/16"]
    assert [str(each.gateway) for each in state.bridges.values()] == ["172.19.0.1", "172.20.0.1", "172.19.0.1"]
    assert all(len(each.id) == 64 and each.link == f"br-{each.id[:12]}" for each in state.bridges.values())


def test_freed_subnet_is_given_again_at_once() -> None:
    state = run(alone(), bridge("a"), bridge("b"), RemoveBridge(MANAGER, "a"), bridge("c"))
    assert subnets(state) == ["172.20.0.0/16", "172.19.0.0/16"]


def test_subnet_gateway_and_name_can_be_asked_for() -> None:
    options = {"com.docker.network.bridge.name": "mine0"}
    asked = bridge("a", subnet=IPv4Network("10.99.0.0/24"), gateway=IPv4Address("10.99.0.9"), options=options)
    (made,) = run(alone(), asked).bridges.values()
    assert (str(made.subnet), str(made.gateway), made.link) == ("10.99.0.0/24", "10.99.0.9", "mine0")


@pytest.mark.parametrize("subnet", ["172.17.0.0/24", "172.18.0.0/16", "172.19.4.0/24", "192.168.56.0/26"])
def test_subnet_that_is_somebodys_is_refused(subnet: str) -> None:
    asked = bridge("b", subnet=IPv4Network(subnet))
    assert refusal(alone(), bridge("a"), asked) == (
        Refusal.PERMISSION_DENIED,
        "invalid pool request: Pool overlaps with other one on this address space",
    )


@pytest.mark.parametrize(
    ("name", "more", "kind", "words"),
    [
        ("bridge", {}, Refusal.PERMISSION_DENIED, "operation is not permitted on predefined bridge network"),
        ("docker_gwbridge", {}, Refusal.ALREADY_EXISTS, "network with name docker_gwbridge already exists"),
        ("a", {}, Refusal.ALREADY_EXISTS, "network with name a already exists"),
        ("overlay", {}, Refusal.ALREADY_EXISTS, "network with name overlay already exists"),
        ("a b", {}, Refusal.INVALID_ARGUMENT, "invalid characters"),
        ("c", {"gateway": IPv4Address("10.0.0.1")}, Refusal.INVALID_ARGUMENT, "contains gateway 10.0.0.1"),
        ("c", {"options": {"com.docker.network.bridge.enable_icc": "no"}}, Refusal.INVALID_ARGUMENT, "ParseBool"),
        (
            "c",
            {"options": {"com.docker.network.bridge.name": "docker0"}},
            Refusal.PERMISSION_DENIED,
            "same bridge name",
        ),
        ("c", {"options": {"com.docker.network.bridge.name": "x" * 16}}, Refusal.INVALID_ARGUMENT, "up to 15"),
    ],
)
def test_bridges_that_cannot_be_are_refused(name: str, more: dict[str, Any], kind: Refusal, words: str) -> None:
    found = refusal(swarm(), network("overlay"), bridge("a"), bridge(name, **more))
    assert found[0] is kind
    assert words in found[1]


def test_pools_come_to_an_end() -> None:
    state = run(alone(), *(bridge(f"n{number}") for number in range(28)))
    assert refusal(state, bridge("more"))[1] == "all predefined address pools have been fully subnetted"
    assert "192.168.48.0/20" not in subnets(state), "the machines stand in there"


def test_bridge_in_use_is_removed_after_its_containers() -> None:
    state = running(run(alone(), bridge("a")), networks=("a",))
    (made,) = state.bridges.values()
    assert refusal(state, RemoveBridge(MANAGER, "a")) == (
        Refusal.PERMISSION_DENIED,
        f"error while removing network: network a id {made.id} has active endpoints",
    )
    assert not run(created(run(alone(), bridge("a")), networks=("a",)), RemoveBridge(MANAGER, made.id[:12])).bridges


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("bridge", Refusal.PERMISSION_DENIED),
        ("docker_gwbridge", Refusal.PERMISSION_DENIED),
        ("nothing", Refusal.NOT_FOUND),
    ],
)
def test_what_is_not_ones_own_is_not_removed(name: str, kind: Refusal) -> None:
    assert refusal(alone(), RemoveBridge(MANAGER, name))[0] is kind
    assert refusal(alone(), bridge("a", on=WORKER1), RemoveBridge(MANAGER, "a"))[0] is Refusal.NOT_FOUND


def test_lowest_free_address_is_given_and_wished_ones_too() -> None:
    state = run(alone(), bridge("a"))
    state = running(state, "one", networks=("a",))
    state = running(state, "two", networks=("a",), addresses={"a": "172.19.0.3"})
    state = running(state, "three", networks=("a",))
    assert given(state) == {"one": "172.19.0.2/16", "two": "172.19.0.3/16", "three": "172.19.0.4/16"}
    id = container(state, "one").id
    state = running(run(state, StopContainer(id), exited(state, "one"), RemoveContainer(id)), "four", networks=("a",))
    assert given(state)["four"] == "172.19.0.2/16"


def exited(state: ClusterState, name: str) -> ContainerExited:
    return ContainerExited(container(state, name).id)


def given(state: ClusterState) -> dict[str, str]:
    return {each.name: str(address) for each in state.containers.values() for address in each.bridges.values()}


def test_address_that_is_taken_or_none_left_is_said() -> None:
    state = run(alone(), bridge("a", subnet=IPv4Network("10.9.0.0/30")))
    state = created(running(state, "one", networks=("a",)), "two", networks=("a",), addresses={"a": "10.9.0.2"})
    assert refusal(state, StartContainer(container(state, "two").id))[1] == "Address already in use"
    state = created(state, "three", networks=("a",))
    with pytest.raises(AllocationError, match="no address is left on the network a"):
        step(state, StartContainer(container(state, "three").id))
