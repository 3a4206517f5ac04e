"""The seed article's cluster, as far as the article shows it; what it doesn't show is made up and says so."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from meshnet.model import (
    Attachment,
    ClusterState,
    ContainerId,
    Counters,
    EngineState,
    Generation,
    Network,
    NetworkId,
    Node,
    NodeId,
    NodeRole,
    PortConfig,
    Service,
    ServiceId,
    ServiceSpec,
    Task,
    TaskId,
    TaskState,
)
from meshnet.model.ids import container_id, swarm_id
from meshnet.model.node import BALANCER, INGRESS_SBOX

INGRESS = Network(
    NetworkId("uz1kgf9j6m48" + swarm_id("article", 1)[:13]),
    "ingress",
    IPv4Network("10.255.0.0/16"),
    IPv4Address("10.255.0.1"),
    4096,
    ingress=True,
)
MY_DEMO = Network(
    NetworkId("cojus8blvkdo" + swarm_id("article", 2)[:13]),
    "my-demo",
    IPv4Network("10.0.2.0/24"),
    IPv4Address("10.0.2.1"),
    4097,
)
WHOAMI = Service(
    ServiceId("9i6wz6cg4koc" + swarm_id("article", 3)[:13]),
    ServiceSpec("whoami", "jwilder/whoami:latest", replicas=2, networks=("my-demo",), ports=(PortConfig(8000, 8000),)),
    networks=(MY_DEMO.id,),
    ports=(PortConfig(8000, 8000),),
    vips={INGRESS.id: IPv4Interface("10.255.0.168/16"), MY_DEMO.id: IPv4Interface("10.0.2.5/24")},
)
CLIENT = Service(
    ServiceId("h5wlczp85sw5" + swarm_id("article", 4)[:13]),
    ServiceSpec("client", "busybox:1.28.3", networks=("my-demo",)),
    networks=(MY_DEMO.id,),
    vips={MY_DEMO.id: IPv4Interface("10.0.2.8/24")},  # not shown
)
MANAGER, WORKER1, WORKER2 = (NodeId(swarm_id("article", number)) for number in (5, 6, 7))


def _task(service: Service, slot: int, node: NodeId, task: str, container: str, *legs: tuple[Network, str]) -> Task:
    return Task(
        TaskId(task),
        service.id,
        service.spec,
        slot,
        ContainerId(container + container_id(task, 1)[len(container) :]),
        container_id(task, 2),
        node,
        ports=service.ports,
        state=TaskState.RUNNING,
        attachments=tuple(Attachment(network.id, IPv4Interface(address)) for network, address in legs),
    )


TASKS = (
    _task(
        WHOAMI,
        1,
        MANAGER,
        "6hhuf528spdw9j9pla7l3tv3t",
        "cc9f97cc5056",
        (INGRESS, "10.255.0.5/16"),
        (MY_DEMO, "10.0.2.7/24"),
    ),
    _task(
        WHOAMI,
        3,
        WORKER2,
        "9idgk9jbrlcm3ufvkmbmvv2t8",
        "f47e05019fd9",
        (INGRESS, "10.255.0.7/16"),
        (MY_DEMO, "10.0.2.13/24"),
    ),
    _task(CLIENT, 1, WORKER2, "3iv3gworpyr5vdo0h9eortlw0", "633ddfc082b9", (MY_DEMO, "10.0.2.6/24")),  # not shown
)
WHOAMI_1, WHOAMI_3, CLIENT_1 = TASKS


def _engine(generation: Generation, gwbridge: str, owners: Mapping[str, int]) -> EngineState:
    """``owners`` says who has which address of that subnet."""
    subnet = IPv4Network(gwbridge)
    tasks = [task for task in TASKS if task.container in owners]
    joined = {
        INGRESS.id: [BALANCER, *(task.container for task in tasks if task.address_on(INGRESS.id))],
        MY_DEMO.id: [*([] if generation is Generation.G18_03 else [BALANCER]), *(task.container for task in tasks)],
    }
    return EngineState(
        IPv4Network("172.17.0.0/16"),
        subnet,
        {owner: subnet[number] for owner, number in owners.items()},
        marks={(WHOAMI.id, INGRESS.id): 256, (WHOAMI.id, MY_DEMO.id): 257, (CLIENT.id, MY_DEMO.id): 258},
        published=True,
        balanced=frozenset({INGRESS.id, MY_DEMO.id}),
        joins={(network, owner): number for network, ends in joined.items() for number, owner in enumerate(ends)},
    )


def article(manager: Generation, worker1: Generation, worker2: Generation) -> ClusterState:
    """The cluster with each node's engine as given: the article's own is 18.03, 18.06, 18.03."""
    nodes = (
        Node(
            MANAGER,
            "swarm-manager",
            NodeRole.MANAGER,
            manager,
            IPv4Interface("192.168.56.10/24"),
            _engine(manager, "172.18.0.0/16", {INGRESS_SBOX: 2, WHOAMI_1.container: 3}),
            attachments={INGRESS.id: IPv4Interface("10.255.0.2/16"), MY_DEMO.id: IPv4Interface("10.0.2.14/24")},
        ),
        Node(
            WORKER1,
            "swarm-worker1",
            NodeRole.WORKER,
            worker1,
            IPv4Interface("192.168.56.11/24"),
            _engine(worker1, "172.19.0.0/16", {INGRESS_SBOX: 2}),
            attachments={INGRESS.id: IPv4Interface("10.255.0.3/16")},
        ),
        Node(
            WORKER2,
            "swarm-worker2",
            NodeRole.WORKER,
            worker2,
            IPv4Interface("192.168.56.12/24"),
            _engine(worker2, "172.18.0.0/16", {INGRESS_SBOX: 2, CLIENT_1.container: 3, WHOAMI_3.container: 4}),
            attachments={INGRESS.id: IPv4Interface("10.255.0.4/16"), MY_DEMO.id: IPv4Interface("10.0.2.15/24")},
        ),
    )
    return ClusterState(
        Counters("article"),
        nodes={node.id: node for node in nodes},
        networks={INGRESS.id: INGRESS, MY_DEMO.id: MY_DEMO},
        services={WHOAMI.id: WHOAMI, CLIENT.id: CLIENT},
        tasks={task.id: task for task in TASKS},
    )


CLUSTERS = {
    "article": (Generation.G18_03, Generation.G18_06, Generation.G18_03),
    **{generation.value: (generation,) * 3 for generation in Generation},
}
"""The engines of manager, worker1 and worker2, by name: as in the article, and all of one generation."""
