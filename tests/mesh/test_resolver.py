"""Which sandboxes have a resolver, where it listens, and in which order it looks at networks."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from meshnet.mesh import render, resolver
from meshnet.model import ClusterState, Generation, PortConfig, PublishMode
from meshnet.netstate import NamespaceRef
from tests.mesh.swarms import Swarm, swarms
from tests.mesh.test_properties import quick

REFS = st.builds(NamespaceRef, st.text("abc-123", min_size=1), st.text("0123456789abcdef_", min_size=1))


def swarm_of(generation: Generation = Generation.G20_10) -> Swarm:
    swarm = Swarm()
    swarm.network("ingress", "10.0.0.0/24")
    swarm.node(generation)
    return swarm


@given(REFS)
def test_ports_are_the_sandboxs_own_and_two(sandbox: NamespaceRef) -> None:
    ports = resolver.ports(sandbox)
    assert resolver.ports(NamespaceRef(sandbox.node, sandbox.file)) == ports
    assert ports.udp != ports.tcp
    assert {ports.udp, ports.tcp} <= set(range(resolver.FIRST_PORT, resolver.LAST_PORT + 1))


def test_ports_of_one_nodes_sandboxes_differ_from_another() -> None:
    drawn = {resolver.ports(NamespaceRef(node, "ingress_sbox")).udp for node in ("one", "two", "three", "four")}
    assert len(drawn) > 1


@quick
@given(swarms())
def test_rules_are_where_a_resolver_is_and_lead_to_it(swarm: ClusterState) -> None:
    with_resolver = resolver.sandboxes(swarm)
    for ref, state in render(swarm).items():
        assert (ref in with_resolver) == bool(state.rules.chain("nat", "DOCKER_OUTPUT").rules), str(ref)
        if ref in with_resolver:
            ports = resolver.ports(ref)
            for chain, own in (("OUTPUT", "DOCKER_OUTPUT"), ("POSTROUTING", "DOCKER_POSTROUTING")):
                assert str(state.rules.chain("nat", chain).rules[0]) == f"-d 127.0.0.11/32 -j {own}"
            targets = {rule.words[-1] for rule in state.rules.chain("nat", "DOCKER_OUTPUT").rules}
            assert targets == {f"127.0.0.11:{ports.udp}", f"127.0.0.11:{ports.tcp}"}


def test_only_containers_on_a_network_of_the_users_or_the_swarms_have_one() -> None:
    swarm = swarm_of()
    (node,) = swarm.state.nodes.values()
    host_mode = swarm.task(swarm.service("host", ports=(PortConfig(80, 80, mode=PublishMode.HOST),)), node)
    published = swarm.task(swarm.service("web", ports=(PortConfig(80, 80),)), node)
    default = swarm.container(node, "bridge")
    none = swarm.container(node, "none")
    bridge = swarm.bridge(node, "mine", "192.168.0.0/20")
    joined = swarm.container(node, "bridge", bridge)
    files = {ref.file for ref in resolver.sandboxes(swarm.state)}
    assert files == {"ingress_sbox", published.sandbox_file, joined.sandbox_file}
    assert not {host_mode.sandbox_file, default.sandbox_file, none.sandbox_file} & files
    assert [resolver.has_resolver(each) for each in (host_mode, published, default, joined)] == [
        False,
        True,
        False,
        True,
    ]


def test_overlays_come_before_bridges_and_those_that_lead_out_before_internal_ones() -> None:
    swarm = swarm_of()
    (node,) = swarm.state.nodes.values()
    inner = swarm.network("a-inner", "10.0.1.0/24", internal=True)
    later = swarm.network("z-net", "10.0.2.0/24")
    first = swarm.network("b-net", "10.0.3.0/24")
    bridge = swarm.bridge(node, "a-bridge", "192.168.0.0/20")
    container = swarm.container(node, bridge, inner, later, first)
    order = resolver.sandboxes(swarm.state)[NamespaceRef("node1", container.sandbox_file)]
    assert order == (first.id, later.id, inner.id, bridge.id)


def test_balancers_look_names_up_on_their_own_network_and_ingress_has_none() -> None:
    swarm = swarm_of()
    (node,) = swarm.state.nodes.values()
    net = swarm.network("net", "10.0.1.0/24")
    task = swarm.task(swarm.service("web", (net.id,), (PortConfig(80, 80),)), node)
    assert resolver.sandboxes(swarm.state) == {
        NamespaceRef("node1", "ingress_sbox"): (),
        NamespaceRef("node1", net.balancer_file): (net.id,),
        NamespaceRef("node1", task.sandbox_file): (net.id,),
    }


def test_before_18_06_only_ingress_has_a_balancer_with_a_resolver() -> None:
    swarm = swarm_of(Generation.G18_03)
    (node,) = swarm.state.nodes.values()
    net = swarm.network("net", "10.0.1.0/24")
    task = swarm.task(swarm.service("web", (net.id,)), node)
    assert {ref.file for ref in resolver.sandboxes(swarm.state)} == {"ingress_sbox", task.sandbox_file}
