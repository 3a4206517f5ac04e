"""The article's request to a node without a task: the rules and the server that lead it to one."""

from __future__ import annotations

import socket
import threading
from ipaddress import IPv4Address

import pytest

from meshnet.kernel.apply import Kernel
from meshnet.kernel.ipvs_connections import connections
from meshnet.model import ClusterState
from meshnet.netstate import NamespaceRef, NetState
from meshnet.trace.rule_hits import RuleHits
from meshnet.trace.seen import Hit
from tests.kernel.nodes import HAS_IPVS, bare_nodes, kernel_with, remaining, rendered
from tests.lab.walled import walled
from tests.mesh.article import CLUSTERS, WHOAMI_1, WHOAMI_3, article

CLIENT, WORKER1 = NamespaceRef("client"), NamespaceRef("swarm-worker1")
SANDBOX = NamespaceRef("swarm-worker1", "ingress_sbox")

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(not HAS_IPVS, reason="this kernel has no IPVS, or ip_vs isn't loaded"),
]


def cluster() -> tuple[ClusterState, Kernel]:
    state = article(*CLUSTERS["article"])
    nodes = {node.name: str(node.address) for node in state.nodes.values()}
    kernel = kernel_with(bare_nodes({**nodes, CLIENT.node: "192.168.56.30/24"}))
    kernel.apply(rendered(state))
    return state, kernel


def answer_once(listening: socket.socket) -> None:
    with listening.accept()[0] as taken:
        taken.sendall(b"I'm here")


def serve(kernel: Kernel, ref: NamespaceRef) -> None:
    with kernel.namespaces[ref].entered():
        listening = socket.create_server(("0.0.0.0", 8000))
    threading.Thread(target=answer_once, args=(listening,), daemon=True).start()


def ask(kernel: Kernel, address: str) -> tuple[bytes, int]:
    """What a client is told, and the port it asked from."""
    with kernel.namespaces[CLIENT].entered():
        asking = socket.create_connection((address, 8000), timeout=5)
    with asking:
        return asking.recv(100), asking.getsockname()[1]


def opening(hits: list[Hit], at: NamespaceRef) -> list[tuple[str, str, int]]:
    """The rules that a connection's first packet matched there."""
    return [(hit.table, hit.chain, hit.mark) for hit in hits if hit.at == at and is_syn(hit.data)]


def is_syn(data: bytes) -> bool:
    header = (data[0] & 15) * 4
    return data[9] == socket.IPPROTO_TCP and data[header + 13] & 0x12 == 0x02


ON_WORKER1 = [
    ("raw", "PREROUTING", 0),
    ("nat", "PREROUTING", 0),
    ("nat", "DOCKER-INGRESS", 0),
    ("filter", "FORWARD", 0),
    ("filter", "DOCKER-USER", 0),
    ("filter", "FORWARD", 0),
    ("filter", "DOCKER-INGRESS", 0),
    ("nat", "POSTROUTING", 0),
]
IN_ITS_SANDBOX = [
    ("raw", "PREROUTING", 0),
    ("mangle", "PREROUTING", 0),
    ("mangle", "PREROUTING", 0x100),
    ("nat", "PREROUTING", 0x100),
    ("mangle", "INPUT", 0x100),
    ("raw", "OUTPUT", 0x100),
    ("mangle", "OUTPUT", 0x100),
    ("mangle", "POSTROUTING", 0x100),
    ("nat", "POSTROUTING", 0x100),
]


@walled
def test_the_rules_of_every_namespace_on_the_way_are_told() -> None:
    state, kernel = cluster()
    for node, task in {"swarm-manager": WHOAMI_1, "swarm-worker2": WHOAMI_3}.items():
        serve(kernel, NamespaceRef(node, task.sandbox_file))
    with RuleHits(kernel.namespaces) as rule_hits:
        told, port = ask(kernel, "192.168.56.11")
        (connection,) = connections(kernel.namespaces[SANDBOX])
    hits = rule_hits.hits()
    assert told == b"I'm here"
    assert opening(hits, WORKER1) == ON_WORKER1
    assert opening(hits, SANDBOX) == IN_ITS_SANDBOX
    assert (connection.client, connection.client_port) == (IPv4Address("192.168.56.30"), port)
    assert (connection.virtual, connection.virtual_port) == (IPv4Address("172.19.0.2"), 8000)
    assert connection.server in {IPv4Address("10.255.0.5"), IPv4Address("10.255.0.7")}
    assert remaining(kernel, {CLIENT: NetState(foreign=frozenset({"eth0"})), **rendered(state)}) == ""
