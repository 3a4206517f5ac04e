"""Concerns the reference dumps of the article's cluster do not show."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import EntryPoint, EntryPoints

import pytest

from meshnet.errors import MachineError
from meshnet.mesh import Drafts, NodeView, installed_renderers, render
from meshnet.model import Generation, PortConfig, Protocol, PublishMode
from meshnet.netstate import NamespaceRef, NetState
from tests.mesh.swarms import Swarm, without


def rules(state: NetState, table: str, chain: str) -> list[str]:
    return [str(rule) for rule in state.rules.chain(table, chain).rules]


@pytest.fixture
def swarm() -> Swarm:
    swarm = Swarm()
    swarm.network("ingress", "10.0.0.0/24")
    swarm.network("net", "10.0.1.0/24")
    swarm.node(Generation.G20_10)
    return swarm


def test_newer_ports_stand_above_older_ones(swarm: Swarm) -> None:
    (node,) = swarm.state.nodes.values()
    first = swarm.service("first", ports=(PortConfig(80, 8001), PortConfig(53, 8002, Protocol.UDP)))
    second = swarm.service("second", ports=(PortConfig(80, 8003, Protocol.SCTP),))
    swarm.task(first, node)
    swarm.task(second, node)
    host = render(swarm.state)[NamespaceRef("node1")]
    assert rules(host, "nat", "DOCKER-INGRESS") == [
        "-p sctp -m sctp --dport 8003 -j DNAT --to-destination 172.18.0.2:8003",
        "-p udp -m udp --dport 8002 -j DNAT --to-destination 172.18.0.2:8002",
        "-p tcp -m tcp --dport 8001 -j DNAT --to-destination 172.18.0.2:8001",
        "-j RETURN",
    ]
    assert rules(host, "filter", "DOCKER-INGRESS")[:2] == [
        "-p sctp -m sctp --dport 8003 -j ACCEPT",
        "-p sctp -m state --state RELATED,ESTABLISHED -m sctp --sport 8003 -j ACCEPT",
    ]


def test_ports_of_one_service_share_its_mark_and_are_translated_in_the_task(swarm: Swarm) -> None:
    (node,) = swarm.state.nodes.values()
    task = swarm.task(swarm.service("web", ports=(PortConfig(80, 8001), PortConfig(443, 8002))), node)
    states = render(swarm.state)
    assert rules(states[NamespaceRef("node1", "ingress_sbox")], "mangle", "PREROUTING") == [
        "-p tcp -m tcp --dport 8001 -j MARK --set-xmark 0x100/0xffffffff",
        "-p tcp -m tcp --dport 8002 -j MARK --set-xmark 0x100/0xffffffff",
    ]
    sandbox = states[NamespaceRef("node1", task.sandbox_file)]
    assert rules(sandbox, "nat", "PREROUTING") == [
        "-d 10.0.0.4/32 -p tcp -m tcp --dport 8001 -j REDIRECT --to-ports 80",
        "-d 10.0.0.4/32 -p tcp -m tcp --dport 8002 -j REDIRECT --to-ports 443",
    ]
    assert rules(sandbox, "filter", "INPUT")[:2] == [
        "-d 10.0.0.4/32 -p tcp -m tcp --dport 443 -m conntrack --ctstate NEW,ESTABLISHED -j ACCEPT",
        "-d 10.0.0.4/32 -p tcp -m tcp --dport 80 -m conntrack --ctstate NEW,ESTABLISHED -j ACCEPT",
    ]


def test_some_rules_stay_after_the_last_published_service(swarm: Swarm) -> None:
    (node,) = swarm.state.nodes.values()
    task = swarm.task(swarm.service("web", ports=(PortConfig(80, 8000),)), node)
    states = render(without(swarm.state, task))
    host, sandbox = states[NamespaceRef("node1")], states[NamespaceRef("node1", "ingress_sbox")]
    assert rules(host, "nat", "DOCKER-INGRESS") == rules(host, "filter", "DOCKER-INGRESS") == ["-j RETURN"]
    assert rules(host, "nat", "PREROUTING")[0] == "-m addrtype --dst-type LOCAL -j DOCKER-INGRESS"
    assert rules(host, "nat", "POSTROUTING")[0] == "-o docker_gwbridge -m addrtype --src-type LOCAL -j MASQUERADE"
    assert host.sysctls["net.ipv4.conf.docker_gwbridge.route_localnet"] == "1"
    assert rules(sandbox, "nat", "POSTROUTING")[1:] == ["-d 10.0.0.0/24 -m ipvs --ipvs -j SNAT --to-source 10.0.0.2"]
    assert sandbox.sysctls["net.ipv4.vs.conntrack"] == "1"
    assert not sandbox.ipvs and not rules(sandbox, "mangle", "PREROUTING") and len(sandbox.addresses) == 2


def test_host_mode_port_is_mapped_to_the_leg_on_gwbridge(swarm: Swarm) -> None:
    (node,) = swarm.state.nodes.values()
    network = next(network.id for network in swarm.state.networks.values() if not network.ingress)
    swarm.task(swarm.service("web", (network,), (PortConfig(8000, 8200, mode=PublishMode.HOST),)), node)
    host = render(swarm.state)[NamespaceRef("node1")]
    assert rules(host, "nat", "DOCKER")[-1] == (
        "! -i docker_gwbridge -p tcp -m tcp --dport 8200 -j DNAT --to-destination 172.18.0.3:8000"
    )
    assert rules(host, "filter", "DOCKER") == [
        "-d 172.18.0.3/32 ! -i docker_gwbridge -o docker_gwbridge -p tcp -m tcp --dport 8000 -j ACCEPT"
    ]
    assert rules(host, "nat", "POSTROUTING")[-1] == (
        "-s 172.18.0.3/32 -d 172.18.0.3/32 -p tcp -m tcp --dport 8000 -j MASQUERADE"
    )
    assert "DOCKER-INGRESS" not in host.rules.tables["nat"].chains


def test_host_mode_task_without_a_network_sits_on_docker0_as_the_reference_says(swarm: Swarm) -> None:
    (node,) = swarm.state.nodes.values()
    task = swarm.task(swarm.service("web", (), (PortConfig(8000, 8200, mode=PublishMode.HOST),)), node)
    states = render(swarm.state)
    host, sandbox = states[NamespaceRef("node1")], states[NamespaceRef("node1", task.sandbox_file)]
    assert rules(host, "nat", "DOCKER")[-1] == (
        "! -i docker0 -p tcp -m tcp --dport 8200 -j DNAT --to-destination 172.17.0.3:8000"
    )
    assert [link.master for link in host.links.values()] == [None, None, "docker_gwbridge", "docker0"]
    assert [str(route.via) for route in sandbox.routes] == ["172.17.0.1"]
    assert list(sandbox.links) == ["eth0"]


def test_host_mode_port_without_a_number_is_left_out(swarm: Swarm) -> None:
    (node,) = swarm.state.nodes.values()
    swarm.task(swarm.service("web", (), (PortConfig(8000, 0, mode=PublishMode.HOST),)), node)
    assert rules(render(swarm.state)[NamespaceRef("node1")], "filter", "DOCKER") == []


def test_task_without_a_gateway_has_no_default_route(swarm: Swarm) -> None:
    """As on an internal network."""
    (node,) = swarm.state.nodes.values()
    network = next(network.id for network in swarm.state.networks.values() if not network.ingress)
    task = swarm.task(swarm.service("web", (network,)), node)
    node = swarm.state.nodes[node.id]
    engine = replace(node.engine, gateways={"ingress-sbox": node.engine.gateways["ingress-sbox"]})
    state = replace(swarm.state, nodes={node.id: replace(node, engine=engine)})
    sandbox = render(state)[NamespaceRef("node1", task.sandbox_file)]
    assert list(sandbox.links) == ["eth0"]
    assert not sandbox.routes


def test_dnsrr_service_has_a_sandbox_but_nothing_balanced(swarm: Swarm) -> None:
    (node,) = swarm.state.nodes.values()
    network = next(network for network in swarm.state.networks.values() if not network.ingress)
    swarm.task(swarm.service("web", (network.id,), dnsrr=True), node)
    balancer = render(swarm.state)[NamespaceRef("node1", network.balancer_file)]
    assert not balancer.ipvs and "mangle" not in balancer.rules.tables and len(balancer.addresses) == 1


def test_node_that_left_the_ingress_network_has_no_sandbox(swarm: Swarm) -> None:
    (node,) = swarm.state.nodes.values()
    state = replace(swarm.state, nodes={node.id: replace(node, attachments={})})
    assert list(render(state)) == [NamespaceRef("node1")]


def test_plugin_adds_to_what_the_built_in_renderers_made(swarm: Swarm) -> None:
    def resolver(view: NodeView, drafts: Drafts) -> None:
        drafts[view.host].set_sysctl("net.ipv4.tcp_syncookies", "0")

    state = render(swarm.state, plugins=[resolver])[NamespaceRef("node1")]
    assert state.sysctls["net.ipv4.tcp_syncookies"] == "0"
    assert state.sysctls["net.ipv4.ip_forward"] == "1"


def test_installed_renderers_come_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [
        EntryPoint("b", "meshnet.mesh.task:render", "meshnet.renderers"),
        EntryPoint("a", "meshnet.mesh.vip:render", "meshnet.renderers"),
    ]
    monkeypatch.setattr("importlib.metadata.entry_points", lambda *, group: EntryPoints(points).select(group=group))
    assert [renderer.__module__ for renderer in installed_renderers()] == ["meshnet.mesh.vip", "meshnet.mesh.task"]


@pytest.mark.parametrize("value", ["meshnet.mesh.nothing:render", "meshnet.mesh.vip:nothing"])
def test_renderer_that_cannot_be_imported_is_named(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    points = EntryPoints([EntryPoint("proxy", value, "meshnet.renderers")])
    monkeypatch.setattr("importlib.metadata.entry_points", lambda *, group: points.select(group=group))
    with pytest.raises(MachineError, match=f"'proxy'.*{value}"):
        installed_renderers()
