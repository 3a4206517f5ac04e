"""Containers outside services: where their interfaces are, their way out, and who knows of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from meshnet.mesh import render
from meshnet.model import Container, ContainerState, Generation, Network, Node, PortConfig, PublishMode
from meshnet.netstate import NamespaceRef, NetState, Veth
from tests.mesh.swarms import Swarm


@pytest.fixture
def swarm() -> Swarm:
    """Two nodes and two overlays; ``inner`` is internal."""
    swarm = Swarm()
    swarm.network("ingress", "10.0.0.0/24")
    swarm.network("net", "10.0.1.0/24")
    swarm.network("inner", "10.0.2.0/24", internal=True)
    swarm.node(Generation.G20_10)
    swarm.node(Generation.G20_10)
    return swarm


@pytest.fixture
def node(swarm: Swarm) -> Node:
    return next(iter(swarm.state.nodes.values()))


def overlay(swarm: Swarm, name: str = "net") -> Network:
    network = swarm.state.network_named(name)
    assert network is not None
    return network


def inside(swarm: Swarm, container: Container, node: str = "node1") -> NetState:
    return render(swarm.state)[NamespaceRef(node, container.sandbox_file)]


def interfaces(swarm: Swarm, container: Container) -> list[tuple[str, str]]:
    """Its interfaces and what bridge each is plugged into."""
    states = render(swarm.state)
    found = []
    for link in states[NamespaceRef("node1", container.sandbox_file)].links.values():
        assert isinstance(link.kind, Veth)
        assert link.kind.peer is not None and link.kind.peer_namespace is not None
        found.append((link.name, states[link.kind.peer_namespace].links[link.kind.peer].master or ""))
    return found


def ways_out(swarm: Swarm, container: Container) -> list[tuple[str, str]]:
    return [(route.link, str(route.via)) for route in inside(swarm, container).routes]


def test_container_without_a_network_is_on_docker0(swarm: Swarm, node: Node) -> None:
    container = swarm.container(node)
    assert interfaces(swarm, container) == [("eth0", "docker0")]
    assert [str(held.interface) for held in inside(swarm, container).addresses] == ["172.17.0.3/16"]
    assert ways_out(swarm, container) == [("eth0", "172.17.0.1")]


def test_container_has_the_sysctls_of_a_task(swarm: Swarm, node: Node) -> None:
    task = swarm.task(swarm.service("web", (overlay(swarm).id,)), node)
    container = swarm.container(node)
    states = render(swarm.state)
    assert inside(swarm, container).sysctls == states[NamespaceRef("node1", task.sandbox_file)].sysctls
    assert inside(swarm, container).sysctls["net.ipv4.ip_unprivileged_port_start"] == "0"


def test_container_on_an_overlay_goes_out_by_gwbridge(swarm: Swarm, node: Node) -> None:
    container = swarm.container(node, overlay(swarm))
    assert interfaces(swarm, container) == [("eth0", "br0"), ("eth1", "docker_gwbridge")]
    assert ways_out(swarm, container) == [("eth1", "172.18.0.1")]


def test_container_on_an_internal_overlay_has_no_way_out(swarm: Swarm, node: Node) -> None:
    container = swarm.container(node, overlay(swarm, "inner"))
    assert interfaces(swarm, container) == [("eth0", "br0")]
    assert ways_out(swarm, container) == []


def test_overlay_that_is_joined_later_leaves_the_gateway_where_it_was(swarm: Swarm, node: Node) -> None:
    container = swarm.container(node, overlay(swarm), overlay(swarm, "inner"))
    assert interfaces(swarm, container) == [("eth0", "br0"), ("eth1", "docker_gwbridge"), ("eth2", "br0")]


def test_container_on_a_bridge_and_an_overlay_goes_out_by_the_bridge(swarm: Swarm, node: Node) -> None:
    bridge = swarm.bridge(node, "shop", "172.20.0.0/16")
    container = swarm.container(node, overlay(swarm), bridge)
    assert interfaces(swarm, container) == [("eth0", "br0"), ("eth1", bridge.link)]
    assert ways_out(swarm, container) == [("eth1", "172.20.0.1")]


def test_first_bridge_by_name_that_is_not_internal_is_the_way_out(swarm: Swarm, node: Node) -> None:
    inner = swarm.bridge(node, "a", "172.20.0.0/16", internal=True)
    late = swarm.bridge(node, "late", "172.21.0.0/16")
    container = swarm.container(node, inner, late, "bridge")
    assert interfaces(swarm, container) == [("eth0", inner.link), ("eth1", late.link), ("eth2", "docker0")]
    assert ways_out(swarm, container) == [("eth2", "172.17.0.1")]


def test_network_none_is_a_namespace_with_nothing_in_it(swarm: Swarm, node: Node) -> None:
    container = swarm.container(node, "none")
    state = inside(swarm, container)
    assert not state.links and not state.addresses and not state.routes


def test_network_host_is_no_namespace_of_its_own(swarm: Swarm, node: Node) -> None:
    before = render(swarm.state)
    swarm.container(node, "host", ports=(PortConfig(80, 8000, mode=PublishMode.HOST),))
    assert render(swarm.state) == before


def test_container_that_does_not_run_leaves_nothing(swarm: Swarm, node: Node) -> None:
    before = render(swarm.state)
    container = replace(swarm.container(node), state=ContainerState.EXITED)
    swarm.state = replace(swarm.state, containers={container.id: container})
    assert render(swarm.state) == before
    wanted = replace(container, wanted=True)
    swarm.state = replace(swarm.state, containers={wanted.id: wanted})
    assert inside(swarm, wanted).links


def test_other_nodes_know_where_a_container_is(swarm: Swarm, node: Node) -> None:
    network = overlay(swarm)
    other = swarm.state.node_named("node2")
    assert other is not None
    here, there = swarm.container(node, network), swarm.container(other, network)
    overlay_there = render(swarm.state)[NamespaceRef("node2", network.overlay_file)]
    known = {str(entry.address) for entry in overlay_there.neighbours}
    assert str(here.attachments[0].address.ip) in known
    assert str(there.attachments[0].address.ip) not in known
    assert {str(entry.vtep) for entry in overlay_there.fdb} == {str(node.address.ip)}


@pytest.mark.parametrize("generation", Generation)
def test_service_is_balanced_for_a_container_where_the_generation_has_it(swarm: Swarm, generation: Generation) -> None:
    network = overlay(swarm)
    balanced, asking = swarm.state.nodes.values()
    asking = replace(asking, generation=generation)
    swarm.state = replace(swarm.state, nodes={**swarm.state.nodes, asking.id: asking})
    swarm.task(swarm.service("web", (network.id,)), balanced)
    container = swarm.container(asking, network)
    files = {ref.file for ref, state in render(swarm.state).items() if ref.node == "node2" and state.ipvs}
    assert len(files) == 1
    assert (files == {container.sandbox_file}) == (generation is Generation.G18_03)


def test_port_of_a_container_is_mapped_to_its_way_out(swarm: Swarm, node: Node) -> None:
    bridge = swarm.bridge(node, "shop", "172.20.0.0/16")
    swarm.container(node, bridge, ports=(PortConfig(80, 8080, mode=PublishMode.HOST),))
    host = render(swarm.state)[NamespaceRef("node1")]
    assert str(host.rules.chain("nat", "DOCKER").rules[-1]) == (
        f"! -i {bridge.link} -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.20.0.2:80"
    )
    assert [str(rule) for rule in host.rules.chain("filter", "DOCKER").rules] == [
        f"-d 172.20.0.2/32 ! -i {bridge.link} -o {bridge.link} -p tcp -m tcp --dport 80 -j ACCEPT"
    ]


def test_container_on_an_internal_bridge_publishes_nothing(swarm: Swarm, node: Node) -> None:
    bridge = swarm.bridge(node, "inner0", "172.20.0.0/16", internal=True)
    swarm.container(node, bridge, ports=(PortConfig(80, 8080, mode=PublishMode.HOST),))
    assert not render(swarm.state)[NamespaceRef("node1")].rules.chain("filter", "DOCKER").rules
