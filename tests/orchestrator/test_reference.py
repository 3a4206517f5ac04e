"""The same operations as on the real swarm of tests/data/docker-reference give the same numbers as its README."""

from __future__ import annotations

import pytest

from meshnet.model import ClusterState
from tests.orchestrator.swarms import (
    MANAGER,
    WORKER1,
    WORKER2,
    address,
    balancer,
    gateway,
    mark,
    network,
    publish,
    run,
    service,
    swarm,
    vip,
)


@pytest.fixture(scope="module")
def article() -> ClusterState:
    """02-article. The engine allocated whoami.2 before whoami.1; pins are used in their order, so here, too."""
    return run(
        swarm(),
        network("my-demo", "10.0.2.0/24"),
        service("whoami", 2, networks=["my-demo"], ports=(publish(8000, 8000),), pins={2: WORKER1, 1: MANAGER}),
        service("client", networks=["my-demo"]),
    )


def test_nodes_come_first_on_the_ingress_network_in_joining_order() -> None:
    formed = swarm()
    assert [balancer(formed, node, "ingress") for node in (MANAGER, WORKER1, WORKER2)] == [
        "10.0.0.2/24",
        "10.0.0.3/24",
        "10.0.0.4/24",
    ]


def test_ingress_addresses(article: ClusterState) -> None:
    assert vip(article, "whoami", "ingress") == "10.0.0.5/24"
    assert address(article, "whoami", 2, "ingress") == "10.0.0.6/24"
    assert address(article, "whoami", 1, "ingress") == "10.0.0.7/24"


def test_user_network_addresses_vip_then_tasks_then_balancers(article: ClusterState) -> None:
    assert vip(article, "whoami", "my-demo") == "10.0.2.2/24"
    assert address(article, "whoami", 2, "my-demo") == "10.0.2.3/24"
    assert address(article, "whoami", 1, "my-demo") == "10.0.2.4/24"
    assert balancer(article, WORKER1, "my-demo") == "10.0.2.5/24"
    assert balancer(article, MANAGER, "my-demo") == "10.0.2.6/24"
    assert vip(article, "client", "my-demo") == "10.0.2.7/24"
    assert address(article, "client", 1, "my-demo") == "10.0.2.8/24"
    assert balancer(article, WORKER2, "my-demo") == "10.0.2.9/24"


def test_vxlan_ids(article: ClusterState) -> None:
    assert {network.name: network.vni for network in article.networks.values()} == {"ingress": 4096, "my-demo": 4097}


@pytest.mark.parametrize("node", [MANAGER, WORKER1, WORKER2])
def test_marks(article: ClusterState, node: str) -> None:
    assert mark(article, node, "whoami", "ingress") == 0x100
    assert mark(article, node, "whoami", "my-demo") == 0x101
    assert mark(article, node, "client", "my-demo") == 0x102


def test_bridges(article: ClusterState) -> None:
    for node in article.nodes.values():
        assert (str(node.engine.docker0), str(node.engine.gwbridge)) == ("172.17.0.0/16", "172.18.0.0/16")
        assert str(node.engine.gateways["ingress-sbox"]) == "172.18.0.2"
    assert gateway(article, MANAGER, "whoami", 1) == "172.18.0.3"
    assert gateway(article, WORKER1, "whoami", 2) == "172.18.0.3"
    assert gateway(article, WORKER2, "client", 1) == "172.18.0.3"


def test_client_is_spread_to_the_empty_node(article: ClusterState) -> None:
    assert [task.node for task in article.tasks.values() if task.service_name == "client"] == [
        node.id for node in article.nodes.values() if node.name == WORKER2
    ]
