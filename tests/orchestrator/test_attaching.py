"""Containers connected to networks and taken off them."""

from __future__ import annotations

import pytest

from meshnet.errors import Refusal
from meshnet.model import ClusterState, ContainerId
from meshnet.orchestrator import step
from meshnet.orchestrator.commands import ConnectNetwork, DisconnectNetwork
from tests.orchestrator.machines import alone, bridge, container, created, node, refusal, running
from tests.orchestrator.swarms import MANAGER, balancer, network, run, swarm


def connect(state: ClusterState, name: str, address: str = "") -> ClusterState:
    return step(state, ConnectNetwork(container(state).id, name, ("alias",), address))


def disconnect(state: ClusterState, name: str) -> ClusterState:
    return step(state, DisconnectNetwork(container(state).id, name))


def way_out(state: ClusterState) -> str | None:
    found = node(state, MANAGER).engine.gateways.get(container(state).id)
    return None if found is None else str(found)


def there() -> ClusterState:
    return run(swarm(), network("over", attachable=True), network("shut"), bridge("br"))


def test_running_container_gets_its_place_at_once() -> None:
    state = connect(connect(running(there()), "over", "10.0.1.50"), "br")
    made = container(state)
    assert made.spec.networks == ("bridge", "over", "br")
    assert made.spec.aliases == {"over": ("alias",), "br": ("alias",)}
    assert [str(leg.address) for leg in made.attachments] == ["10.0.1.50/24"]
    assert [str(each) for each in made.bridges.values()] == ["172.19.0.2/16"]
    assert way_out(state) == "172.17.0.2"


def test_created_container_gets_it_when_it_starts() -> None:
    made = container(connect(created(there()), "over"))
    assert (made.spec.networks, made.attachments) == (("bridge", "over"), ())


def test_way_out_follows_the_networks_that_are_left() -> None:
    state = disconnect(connect(running(there()), "over"), "bridge")
    assert way_out(state) == "172.18.0.3"
    state = disconnect(state, "over")
    made = container(state)
    assert (way_out(state), made.attachments, made.spec.networks, made.spec.aliases) == (None, (), ("none",), {})
    assert balancer(state, MANAGER, "over") is None
    where = state.network_named("over")
    assert where is not None
    assert state.counters.taken[where.id] == {where.gateway}
    assert container(connect(state, "br")).spec.networks == ("br",)


def test_bridge_address_goes_back() -> None:
    state = disconnect(running(there(), networks=("br",)), "br")
    assert not container(state).bridges


@pytest.mark.parametrize(
    ("networks", "name", "words"),
    [
        ((), "bridge", "endpoint with name box already exists in network bridge"),
        ((), "shut", "network shut not manually attachable"),
        ((), "host", "container must be created in host network mode"),
        ((), "none", "one of the networks in private (none) mode"),
        (("host",), "br", "container sharing network namespace with another container or host"),
    ],
)
def test_connections_that_cannot_be_are_refused(networks: tuple[str, ...], name: str, words: str) -> None:
    state = running(there(), networks=networks)
    kind, sentence = refusal(state, ConnectNetwork(container(state).id, name))
    assert kind is Refusal.PERMISSION_DENIED
    assert words in sentence


def test_unknown_networks_and_containers_are_said() -> None:
    state = running(there())
    for ask in (ConnectNetwork, DisconnectNetwork):
        assert refusal(state, ask(container(state).id, "nothing")) == (
            Refusal.NOT_FOUND,
            "network nothing not found",
        )
        assert refusal(alone(), ask(ContainerId("x"), "bridge"))[1] == "No such container: x"


def test_container_that_is_not_there_is_not_disconnected() -> None:
    state = running(there())
    id = container(state).id
    assert refusal(state, DisconnectNetwork(id, "over")) == (
        Refusal.PERMISSION_DENIED,
        f"container {id} is not connected to network over",
    )
    assert "host network" in refusal(state, DisconnectNetwork(id, "host"))[1]
