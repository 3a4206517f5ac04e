"""Bridge networks that somebody made on a node, beside the engine's own."""

from __future__ import annotations

import pytest

from meshnet.mesh import render
from meshnet.model import BridgeNetwork, Generation, Node
from meshnet.netstate import Bridge, NamespaceRef, NetState
from tests.mesh.swarms import Swarm


@pytest.fixture
def swarm() -> Swarm:
    swarm = Swarm()
    swarm.network("ingress", "10.0.0.0/24")
    swarm.node(Generation.G20_10)
    return swarm


@pytest.fixture
def node(swarm: Swarm) -> Node:
    (node,) = swarm.state.nodes.values()
    return node


def host(swarm: Swarm) -> NetState:
    return render(swarm.state)[NamespaceRef("node1")]


def rules(state: NetState, table: str, chain: str, bridge: BridgeNetwork) -> list[str]:
    """The rules that name ``bridge``, which they call BR."""
    lines = [str(rule) for rule in state.rules.chain(table, chain).rules]
    return [line.replace(bridge.link, "BR") for line in lines if bridge.link in line]


def test_bridge_is_named_after_its_network_and_has_the_gateways_address(swarm: Swarm, node: Node) -> None:
    bridge = swarm.bridge(node, "shop", "172.20.0.0/16")
    state = host(swarm)
    assert bridge.link == f"br-{bridge.id[:12]}"
    assert isinstance(state.links[bridge.link].kind, Bridge)
    assert [str(held.interface) for held in state.addresses if held.link == bridge.link] == ["172.20.0.1/16"]
    assert state.sysctls[f"net.ipv6.conf.{bridge.link}.accept_ra"] == "0"


def test_bridge_has_the_rules_that_docker0_has(swarm: Swarm, node: Node) -> None:
    bridge = swarm.bridge(node, "shop", "172.20.0.0/16")
    tables = host(swarm).rules.tables
    lines = [
        (table, chain, str(rule))
        for table in tables
        for chain in tables[table].chains
        for rule in tables[table].chains[chain].rules
    ]
    own = [
        (table, chain, line.replace(bridge.link, "BR").replace("172.20.", "NET."))
        for table, chain, line in lines
        if bridge.link in line
    ]
    docker0 = [
        (table, chain, line.replace("docker0", "BR").replace("172.17.", "NET."))
        for table, chain, line in lines
        if "docker0" in line
    ]
    assert own == docker0
    assert len(own) == 8


def test_newest_bridge_stands_first_below_dockers_own_jumps(swarm: Swarm, node: Node) -> None:
    older, newer = swarm.bridge(node, "a", "172.20.0.0/16"), swarm.bridge(node, "b", "172.21.0.0/16")
    state = host(swarm)
    forward = [str(rule) for rule in state.rules.chain("filter", "FORWARD").rules]
    assert forward[:2] == ["-j DOCKER-USER", "-j DOCKER-ISOLATION-STAGE-1"]
    assert newer.link in forward[2] and older.link in forward[6]
    assert forward[-1] == "-i docker_gwbridge -o docker_gwbridge -j DROP"
    masqueraded = [rule.words[1] for rule in state.rules.chain("nat", "POSTROUTING").rules]
    assert masqueraded == ["172.21.0.0/16", "172.20.0.0/16", "172.18.0.0/16", "172.17.0.0/16"]


def test_internal_bridge_lets_nothing_in_or_out(swarm: Swarm, node: Node) -> None:
    bridge = swarm.bridge(node, "inner", "172.20.0.0/16", internal=True)
    state = host(swarm)
    assert rules(state, "filter", "DOCKER-ISOLATION-STAGE-1", bridge) == [
        "! -s 172.20.0.0/16 -o BR -j DROP",
        "! -d 172.20.0.0/16 -i BR -j DROP",
    ]
    assert rules(state, "filter", "DOCKER-ISOLATION-STAGE-2", bridge) == []
    assert rules(state, "filter", "FORWARD", bridge) == ["-i BR -o BR -j ACCEPT"]
    assert rules(state, "nat", "POSTROUTING", bridge) == rules(state, "nat", "DOCKER", bridge) == []


def test_bridge_without_icc_keeps_its_containers_apart(swarm: Swarm, node: Node) -> None:
    bridge = swarm.bridge(node, "apart", "172.20.0.0/16", options={"com.docker.network.bridge.enable_icc": "false"})
    assert rules(host(swarm), "filter", "FORWARD", bridge) == [
        "-o BR -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
        "-o BR -j DOCKER",
        "-i BR ! -o BR -j ACCEPT",
        "-i BR -o BR -j DROP",
    ]


def test_bridge_without_masquerading_hides_nobody(swarm: Swarm, node: Node) -> None:
    options = {"com.docker.network.bridge.enable_ip_masquerade": "false"}
    bridge = swarm.bridge(node, "open", "172.20.0.0/16", options=options)
    state = host(swarm)
    assert rules(state, "nat", "POSTROUTING", bridge) == rules(state, "nat", "DOCKER", bridge) == []
    assert len(rules(state, "filter", "FORWARD", bridge)) == 4


def test_options_name_the_interface_and_set_its_mtu(swarm: Swarm, node: Node) -> None:
    options = {"com.docker.network.bridge.name": "shop0", "com.docker.network.driver.mtu": "1400"}
    bridge = swarm.bridge(node, "shop", "172.20.0.0/16", options=options)
    container = swarm.container(node, bridge)
    states = render(swarm.state)
    inside = states[NamespaceRef("node1", container.sandbox_file)]
    ports = [link for link in states[NamespaceRef("node1")].links.values() if link.master == "shop0"]
    assert [link.mtu for link in (states[NamespaceRef("node1")].links["shop0"], *ports, inside.links["eth0"])] == [
        1400
    ] * 3


def test_bridge_of_another_node_is_not_here(swarm: Swarm) -> None:
    other = swarm.node(Generation.G20_10)
    before = host(swarm)
    bridge = swarm.bridge(other, "shop", "172.20.0.0/16")
    assert host(swarm) == before
    assert bridge.link in render(swarm.state)[NamespaceRef("node2")].links
