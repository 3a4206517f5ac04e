"""What listens on published ports in a node's own namespace."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest

from meshnet.mesh import Proxy, ProxyKind, proxies
from meshnet.model import Generation, Node, PortConfig, Protocol, PublishMode, TaskState
from tests.mesh.swarms import Swarm, changed


@pytest.fixture
def swarm() -> Swarm:
    swarm = Swarm()
    swarm.network("ingress", "10.0.0.0/24")
    swarm.node(Generation.G20_10)
    swarm.node(Generation.G20_10)
    return swarm


@pytest.fixture
def node(swarm: Swarm) -> Node:
    return next(iter(swarm.state.nodes.values()))


def on_host(target: int, published: int, protocol: Protocol = Protocol.TCP) -> PortConfig:
    return PortConfig(target, published, protocol, PublishMode.HOST)


def test_host_mode_port_has_a_proxy_where_its_task_is(swarm: Swarm, node: Node) -> None:
    swarm.task(swarm.service("web", (), (on_host(80, 8200), on_host(53, 8253, Protocol.UDP))), node)
    target = IPv4Address("172.17.0.3")
    assert proxies(swarm.state, "node1") == {
        Proxy(ProxyKind.DOCKER_PROXY, Protocol.TCP, 8200, target, 80),
        Proxy(ProxyKind.DOCKER_PROXY, Protocol.UDP, 8253, target, 53),
    }
    assert proxies(swarm.state, "node2") == frozenset()


def test_port_of_a_container_has_a_proxy(swarm: Swarm, node: Node) -> None:
    bridge = swarm.bridge(node, "shop", "172.20.0.0/16")
    swarm.container(node, bridge, ports=(on_host(80, 8080),))
    assert proxies(swarm.state, "node1") == {
        Proxy(ProxyKind.DOCKER_PROXY, Protocol.TCP, 8080, IPv4Address("172.20.0.2"), 80)
    }


def test_port_without_a_number_has_none(swarm: Swarm, node: Node) -> None:
    swarm.container(node, ports=(on_host(80, 0),))
    assert proxies(swarm.state, "node1") == frozenset()


def test_every_node_keeps_the_ports_the_swarm_publishes(swarm: Swarm, node: Node) -> None:
    task = swarm.task(swarm.service("web", ports=(PortConfig(80, 8000), PortConfig(53, 53, Protocol.UDP))), node)
    kept = {
        Proxy(ProxyKind.PLACEHOLDER, Protocol.TCP, 8000),
        Proxy(ProxyKind.PLACEHOLDER, Protocol.UDP, 53),
    }
    assert proxies(swarm.state, "node1") == proxies(swarm.state, "node2") == kept
    draining = changed(swarm.state, task, desired=TaskState.SHUTDOWN, drain_until=1)
    assert proxies(draining, "node2") == kept
    assert proxies(changed(draining, task, desired=TaskState.SHUTDOWN, stopping=True), "node2") == frozenset()


def test_sctp_and_machines_that_are_not_there_have_none(swarm: Swarm, node: Node) -> None:
    swarm.container(node, ports=(on_host(80, 8080, Protocol.SCTP),))
    assert proxies(swarm.state, "node1") == proxies(swarm.state, "nobody") == frozenset()
