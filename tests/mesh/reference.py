"""The swarms that the dumps of docker-reference were taken from, with their real ids and addresses."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from meshnet.model import (
    Attachment,
    ClusterState,
    ContainerId,
    Counters,
    EngineState,
    Generation,
    Membership,
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
from meshnet.model.node import BALANCER, INGRESS_SBOX

INGRESS = Network(
    NetworkId("kzsh5q2l5zreh5e6jcvnni3dm"),
    "ingress",
    IPv4Network("10.0.0.0/24"),
    IPv4Address("10.0.0.1"),
    4096,
    ingress=True,
)
MY_DEMO = Network(
    NetworkId("2du3rog91nirlv6xxrpc70ca3"), "my-demo", IPv4Network("10.0.2.0/24"), IPv4Address("10.0.2.1"), 4097
)
WHOAMI = Service(
    ServiceId("t8s9o12kruiv2ldxby5ewppbq"),
    ServiceSpec("whoami", "jwilder/whoami:latest", replicas=2, networks=("my-demo",), ports=(PortConfig(8000, 8000),)),
    networks=(MY_DEMO.id,),
    ports=(PortConfig(8000, 8000),),
    vips={INGRESS.id: IPv4Interface("10.0.0.5/24"), MY_DEMO.id: IPv4Interface("10.0.2.2/24")},
)
CLIENT = Service(
    ServiceId("sbbnhaprossqp3za8r0exzmqm"),
    ServiceSpec("client", "busybox:latest", args=("sleep", "1000000"), networks=("my-demo",)),
    networks=(MY_DEMO.id,),
    vips={MY_DEMO.id: IPv4Interface("10.0.2.7/24")},
)
MANAGER = NodeId("smlod6h2k2yn0azd7hkufnt5r")
WORKER1 = NodeId("3qtqhcu7xtcn38vsyz4r073y5")
WORKER2 = NodeId("q414uz658p1wyd8bbzf39rvq0")


def _task(service: Service, slot: int, node: NodeId, ids: tuple[str, str, str], *attachments: Attachment) -> Task:
    task, container, sandbox = ids
    return Task(
        TaskId(task),
        service.id,
        service.spec,
        slot,
        ContainerId(container),
        sandbox,
        node,
        ports=service.ports,
        state=TaskState.RUNNING,
        attachments=attachments,
    )


WHOAMI_1 = _task(
    WHOAMI,
    1,
    MANAGER,
    (
        "ij9ywn83lxtr7iv97qpu1mxeu",
        "172060ad753bbf5fafd04e438224a0111cd383249c00d382b618901a979bfd50",
        "483ed06d86fce4f97cd5498b85f9f36847aa18c6bac64177137ef27ac183ab42",
    ),
    Attachment(INGRESS.id, IPv4Interface("10.0.0.7/24")),
    Attachment(MY_DEMO.id, IPv4Interface("10.0.2.4/24")),
)
WHOAMI_2 = _task(
    WHOAMI,
    2,
    WORKER1,
    (
        "ofux6zxtya0f15hucklga3ta4",
        "4c3126dbf2c15a91e4428808fe5a306897649451844a5443d5cb3dacafbb1ee9",
        "73a96846818acc073b53466991e2116ee7e4753760e031bcbf61297f7f566fae",
    ),
    Attachment(INGRESS.id, IPv4Interface("10.0.0.6/24")),
    Attachment(MY_DEMO.id, IPv4Interface("10.0.2.3/24")),
)
CLIENT_1 = _task(
    CLIENT,
    1,
    WORKER2,
    (
        "l2k9cn9y9ljp43xqhfjww1h7p",
        "9f0b10e06ff45ca781086b02ba5781368b8f8355ea9702bf5a52fbe36915923c",
        "c6ef67c8212f00bb755eaa7ee1ebbd3147c535afbf4c9d362338a869013d87a2",
    ),
    Attachment(MY_DEMO.id, IPv4Interface("10.0.2.8/24")),
)


def _node(node: NodeId, name: str, last: int, task: Task | None, my_demo: str) -> Node:
    """One of the three: ``last`` is the last byte of its address, and that on ingress is eight less."""
    engine = EngineState(
        IPv4Network("172.17.0.0/16"),
        IPv4Network("172.18.0.0/16"),
        {INGRESS_SBOX: IPv4Address("172.18.0.2")},
        joins={(INGRESS.id, BALANCER): 0},
    )
    attachments = {INGRESS.id: IPv4Interface(f"10.0.0.{last - 8}/24")}
    if task:
        engine = EngineState(
            engine.docker0,
            engine.gwbridge,
            {**engine.gateways, task.container: IPv4Address("172.18.0.3")},
            marks={(WHOAMI.id, INGRESS.id): 256, (WHOAMI.id, MY_DEMO.id): 257, (CLIENT.id, MY_DEMO.id): 258},
            published=True,
            balanced=frozenset({INGRESS.id, MY_DEMO.id}),
            joins={**engine.joins}
            | {(MY_DEMO.id, BALANCER): 0}
            | {(leg.network, task.container): 1 for leg in task.attachments},
        )
        attachments[MY_DEMO.id] = IPv4Interface(my_demo)
    role = NodeRole.MANAGER if node == MANAGER else NodeRole.WORKER
    address = IPv4Interface(f"192.168.56.{last}/24")
    return Node(node, name, role, Generation.G20_10, address, engine, attachments=attachments)


def dockerd_started() -> ClusterState:
    """00-dockerd-started: a machine whose engine runs, and no swarm."""
    node = _node(WORKER1, "swarm-worker1", 11, None, "")
    engine = EngineState(node.engine.docker0, node.engine.gwbridge, gwbridge_made=False)
    outside = replace(node, engine=engine, attachments={}, membership=Membership.OUTSIDE)
    return ClusterState(Counters("reference"), nodes={outside.id: outside})


def swarm_init() -> ClusterState:
    """01-swarm-init: three nodes and nothing else."""
    nodes = (
        _node(MANAGER, "swarm-manager", 10, None, ""),
        _node(WORKER1, "swarm-worker1", 11, None, ""),
        _node(WORKER2, "swarm-worker2", 12, None, ""),
    )
    return ClusterState(Counters("reference"), nodes={node.id: node for node in nodes}, networks={INGRESS.id: INGRESS})


def article() -> ClusterState:
    """02-article: whoami published on 8000 and a client, both on my-demo."""
    nodes = (
        _node(MANAGER, "swarm-manager", 10, WHOAMI_1, "10.0.2.6/24"),
        _node(WORKER1, "swarm-worker1", 11, WHOAMI_2, "10.0.2.5/24"),
        _node(WORKER2, "swarm-worker2", 12, CLIENT_1, "10.0.2.9/24"),
    )
    return ClusterState(
        Counters("reference"),
        nodes={node.id: node for node in nodes},
        networks={INGRESS.id: INGRESS, MY_DEMO.id: MY_DEMO},
        services={WHOAMI.id: WHOAMI, CLIENT.id: CLIENT},
        tasks={task.id: task for task in (WHOAMI_1, WHOAMI_2, CLIENT_1)},
    )
