"""The labs that come with meshnet are what they say they are."""

from __future__ import annotations

from functools import reduce
from ipaddress import IPv4Interface
from pathlib import Path

import pytest

import meshnet
from meshnet.errors import InputError
from meshnet.labfolder import load_lab
from meshnet.labfolder.folder import labs_in
from meshnet.model import ClusterState, Generation, Node, NodeRole, Task
from meshnet.model.lab import LabSpec, Machine
from meshnet.orchestrator import ScaleService, deploy, form_lab, settled, step
from tests.orchestrator import swarms
from tests.orchestrator.swarms import MANAGER, WORKER1, WORKER2

EXAMPLES = Path(meshnet.__file__).parent.parent / "examples"


def deployed(lab: LabSpec) -> ClusterState:
    return settled(reduce(step, deploy(lab.stack), form_lab(lab)))


@pytest.fixture(scope="module")
def article() -> ClusterState:
    return deployed(load_lab())


def node(state: ClusterState, name: str) -> Node:
    found = state.node_named(name)
    assert found is not None
    return found


def task_on(state: ClusterState, node_name: str, service: str) -> Task:
    return next(task for task in state.placed_tasks(node=node(state, node_name).id) if task.service_name == service)


def test_article_is_the_lab_of_no_folder() -> None:
    lab = load_lab()
    assert lab.name == "article"
    assert lab == load_lab(Path("article"))
    assert not lab.warnings
    assert lab.machines[0] == Machine(MANAGER, NodeRole.MANAGER, IPv4Interface("192.168.56.10/24"), Generation.G18_03)
    assert lab.hosts == (MANAGER, WORKER1, WORKER2, "client")


def test_article_mixes_engines(article: ClusterState) -> None:
    assert [str(node.generation) for node in article.nodes.values()] == ["18.03", "18.06", "18.03"]


@pytest.mark.parametrize(
    ("service", "slot", "at", "container", "task", "addresses", "gateway"),
    [
        (
            "whoami",
            1,
            MANAGER,
            "cc9f97cc5056",
            "6hhuf528spdw9j9pla7l3tv3t",
            {"ingress": "10.255.0.5/16", "my-demo": "10.0.2.7/24"},
            "172.18.0.3",
        ),
        (
            "whoami",
            3,
            WORKER2,
            "f47e05019fd9",
            "9idgk9jbrlcm3ufvkmbmvv2t8",
            {"ingress": "10.255.0.7/16", "my-demo": "10.0.2.13/24"},
            "172.18.0.4",
        ),
        ("client", 1, WORKER2, "633ddfc082b9", "3iv3gworpyr5vdo0h9eortlw0", {}, "172.18.0.3"),
    ],
)
def test_tasks_are_the_articles(
    article: ClusterState,
    service: str,
    slot: int,
    at: str,
    container: str,
    task: str,
    addresses: dict[str, str],
    gateway: str,
) -> None:
    made = task_on(article, at, service)
    assert (made.slot, made.hostname, made.id) == (slot, container, task)
    assert {name: swarms.address(article, service, slot, name) for name in addresses} == addresses
    assert swarms.gateway(article, at, service, slot) == gateway


def test_scaled_to_two_as_in_the_article_worker1_has_no_task(article: ClusterState) -> None:
    two = settled(step(article, ScaleService("whoami", 2)))
    assert not list(two.placed_tasks(node=node(two, WORKER1).id))
    assert sorted(task.slot for task in two.placed_tasks() if task.service_name == "whoami") == [1, 3]


def test_vips_ids_and_subnets_are_the_articles(article: ClusterState) -> None:
    assert swarms.vip(article, "whoami", "ingress") == "10.255.0.168/16"
    assert swarms.vip(article, "whoami", "my-demo") == "10.0.2.5/24"
    ingress, demo = article.network_named("ingress"), article.network_named("my-demo")
    assert ingress is not None and demo is not None
    assert ingress.overlay_file == "1-uz1kgf9j6m"
    assert demo.overlay_file == "1-cojus8blvk"
    assert {service.spec.name: service.id[:12] for service in article.services.values()} == {
        "whoami": "9i6wz6cg4koc",
        "client": "h5wlczp85sw5",
    }


def test_worker1s_sandbox_is_the_articles(article: ClusterState) -> None:
    engine = node(article, WORKER1).engine
    assert (str(engine.gwbridge), str(engine.gateways["ingress-sbox"])) == ("172.19.0.0/16", "172.19.0.2")
    assert swarms.balancer(article, WORKER1, "ingress") == "10.255.0.3/16"
    assert swarms.mark(article, WORKER1, "whoami", "ingress") == 0x100
    assert str(node(article, MANAGER).engine.gwbridge) == "172.18.0.0/16"


def test_third_copy_is_on_worker1(article: ClusterState) -> None:
    made = task_on(article, WORKER1, "whoami")
    assert (made.slot, made.sandbox_file, made.hostname) == (2, "bf5031da0049", "5559895ccaea")
    assert swarms.gateway(article, WORKER1, "whoami", 2) == "172.19.0.3"


def test_three_nodes_are_as_the_reference_has_them() -> None:
    """tests/data/docker-reference, 02-article, what its README says of addresses."""
    state = deployed(load_lab(Path("three-nodes")))
    assert swarms.vip(state, "whoami", "ingress") == "10.0.0.5/24"
    assert swarms.address(state, "whoami", 2, "ingress") == "10.0.0.6/24"
    assert swarms.address(state, "whoami", 1, "my-demo") == "10.0.2.4/24"
    assert [swarms.balancer(state, name, "my-demo") for name in (WORKER1, MANAGER, WORKER2)] == [
        "10.0.2.5/24",
        "10.0.2.6/24",
        "10.0.2.9/24",
    ]
    assert swarms.vip(state, "client", "my-demo") == "10.0.2.7/24"


def test_wordpress_publishes_port_80_and_runs_whole() -> None:
    lab = load_lab(Path("wordpress"))
    assert not lab.warnings
    state = deployed(lab)
    ports = {service.spec.name: [str(port) for port in service.ports] for service in state.services.values()}
    assert ports["shop_web"] == ["*:80->80/tcp"]
    assert ports["shop_admin"] == ["*:30000->80/tcp"]
    assert len(state.services) >= 3
    assert swarms.placement(state, "shop_db") == {1: "swarm-worker3"}
    assert all(task.node for task in state.tasks.values())


def test_every_example_is_in_the_list_of_unknown_ones() -> None:
    with pytest.raises(InputError, match="examples that can be named are article, three-nodes, wordpress"):
        load_lab(Path("nowhere"))


@pytest.mark.parametrize("example", labs_in(EXAMPLES))
def test_example_travels_as_json(example: str) -> None:
    lab = load_lab(EXAMPLES / example)
    assert LabSpec.from_json(lab.to_json()) == lab
