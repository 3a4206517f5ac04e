"""What the embedded resolver answers, as a function of the swarm's state."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshnet.lab.resolver.names import NOTHING, Answer, Names, address_in_reverse
from meshnet.mesh import resolver
from meshnet.model import ClusterState, Container, ContainerState, Generation, NodeStatus, PortConfig, Task, TaskState
from meshnet.netstate import NamespaceRef
from tests.mesh import reference
from tests.mesh.swarms import Swarm, changed, swarms, without
from tests.mesh.test_properties import quick

MY_DEMO = reference.MY_DEMO.id


def addresses(*texts: str) -> set[IPv4Address]:
    return {IPv4Address(text) for text in texts}


def found(state: ClusterState, asker: NamespaceRef, name: str) -> set[IPv4Address] | None:
    """The addresses it gives, or None where it asks upstream."""
    answer = Names(state).answer(asker, name, "A")
    return None if answer is None else set(answer.addresses)


def sandbox(state: ClusterState, task: Task) -> NamespaceRef:
    assert task.node is not None
    return NamespaceRef(state.nodes[task.node].name, task.sandbox_file)


ARTICLE = reference.article()
CLIENT = sandbox(ARTICLE, reference.CLIENT_1)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("whoami", {"10.0.2.2"}),
        ("WhoAmI", {"10.0.2.2"}),
        ("whoami.my-demo", {"10.0.2.2"}),
        ("tasks.whoami", {"10.0.2.3", "10.0.2.4"}),
        ("tasks.whoami.my-demo", {"10.0.2.3", "10.0.2.4"}),
        ("client", {"10.0.2.7"}),
        ("tasks.client", {"10.0.2.8"}),
        ("client.1.l2k9cn9y9ljp43xqhfjww1h7p", {"10.0.2.8"}),
        ("whoami.1.ij9ywn83lxtr7iv97qpu1mxeu", {"10.0.2.4"}),
        ("172060ad753b", {"10.0.2.4"}),
        ("172060ad753b.my-demo", {"10.0.2.4"}),
    ],
)
def test_the_references_names_have_the_references_addresses(name: str, expected: set[str]) -> None:
    assert found(ARTICLE, CLIENT, name) == addresses(*expected)


@pytest.mark.parametrize("name", ["nosuchname", "whoami.other", "whoami.ingress", "tasks", "", ".", "my-demo", "a..b"])
def test_other_names_are_asked_upstream(name: str) -> None:
    for kind in ("A", "AAAA", "MX", "PTR", "SRV", "TXT"):
        assert Names(ARTICLE).answer(CLIENT, name, kind) is None


def test_known_names_have_no_ipv6_address_and_no_mail_server() -> None:
    for kind in ("AAAA", "MX"):
        assert Names(ARTICLE).answer(CLIENT, "tasks.whoami", kind) == NOTHING


def test_other_kinds_are_asked_upstream_even_of_known_names() -> None:
    for kind in ("SRV", "TXT", "NS", "ANY"):
        assert Names(ARTICLE).answer(CLIENT, "whoami", kind) is None


def test_an_address_has_its_containers_name_and_network() -> None:
    answer = Names(ARTICLE).answer(CLIENT, "3.2.0.10.in-addr.arpa", "PTR")
    assert answer == Answer(pointer="whoami.2.ofux6zxtya0f15hucklga3ta4.my-demo")


@pytest.mark.parametrize("reverse", ["2.2.0.10", "9.2.0.10", "7.0.0.10", "1.0.0.127"])
def test_vips_balancers_and_addresses_on_ingress_have_no_name(reverse: str) -> None:
    assert Names(ARTICLE).answer(CLIENT, f"{reverse}.in-addr.arpa", "PTR") is None


@pytest.mark.parametrize(
    "name", ["3.2.0.10", "3.2.0.10.ip6.arpa", "2.0.10.in-addr.arpa", "x.in-addr.arpa", "in-addr.arpa"]
)
def test_what_is_no_address_in_reverse_is_none(name: str) -> None:
    assert address_in_reverse(name) is None


def test_addresses_are_shuffled_each_time() -> None:
    names = Names(ARTICLE)
    orders = {answer.addresses for _ in range(64) if (answer := names.answer(CLIENT, "tasks.whoami", "A"))}
    assert len(orders) == 2


def test_ingress_sandbox_knows_no_names_and_a_balancer_those_of_its_network() -> None:
    assert found(ARTICLE, NamespaceRef("swarm-manager", "ingress_sbox"), "whoami") is None
    balancer = NamespaceRef("swarm-manager", reference.MY_DEMO.balancer_file)
    assert found(ARTICLE, balancer, "whoami") == addresses("10.0.2.2")


def test_two_services_that_share_only_ingress_dont_know_each_other() -> None:
    swarm = swarm_of_two()
    node = next(iter(swarm.state.nodes.values()))
    one, other = (swarm.task(swarm.service(name, ports=(PortConfig(80, port),)), node) for name, port in PUBLISHED)
    for name in ("other", "tasks.other", other.name, "tasks.one", "one"):
        assert found(swarm.state, sandbox(swarm.state, one), name) is None


PUBLISHED = (("one", 8001), ("other", 8002))


def swarm_of_two() -> Swarm:
    swarm = Swarm()
    swarm.network("ingress", "10.0.0.0/24")
    swarm.network("net", "10.0.1.0/24")
    swarm.node(Generation.G20_10)
    swarm.node(Generation.G18_03)
    return swarm


def served(swarm: Swarm, *, dnsrr: bool = False, aliases: tuple[str, ...] = ()) -> tuple[Task, Task]:
    """A service with a task on each node."""
    net = next(network for network in swarm.state.networks.values() if network.name == "net")
    service = swarm.service("web", (net.id,), dnsrr=dnsrr)
    service = replace(service, spec=replace(service.spec, aliases={"net": aliases}))
    swarm.state = replace(swarm.state, services={**swarm.state.services, service.id: service})
    one, other = (swarm.task(service, node) for node in list(swarm.state.nodes.values()))
    return one, other


def own(tasks: Iterable[Task]) -> set[IPv4Address]:
    return {task.attachments[-1].address.ip for task in tasks}


def test_dnsrr_service_is_its_tasks() -> None:
    swarm = swarm_of_two()
    tasks = served(swarm, dnsrr=True)
    for name in ("web", "tasks.web"):
        assert found(swarm.state, sandbox(swarm.state, tasks[0]), name) == own(tasks)


def test_an_alias_is_as_the_services_name() -> None:
    swarm = swarm_of_two()
    tasks = served(swarm, aliases=("www",))
    asker = sandbox(swarm.state, tasks[0])
    assert found(swarm.state, asker, "www") == found(swarm.state, asker, "web") != own(tasks)
    assert found(swarm.state, asker, "tasks.www") == own(tasks)


def test_an_alias_that_services_share_is_all_of_them() -> None:
    swarm = swarm_of_two()
    tasks = served(swarm, aliases=("shared",))
    node = next(iter(swarm.state.nodes.values()))
    net = next(network for network in swarm.state.networks.values() if network.name == "net")
    second = swarm.service("second", (net.id,))
    second = replace(second, spec=replace(second.spec, aliases={"net": ("shared",)}))
    further = swarm.task(second, node)
    assert found(swarm.state, sandbox(swarm.state, tasks[0]), "tasks.shared") == own((*tasks, further))


@pytest.mark.parametrize("dnsrr", [False, True])
def test_a_task_that_is_to_end_loses_its_names_and_keeps_asking(dnsrr: bool) -> None:
    swarm = swarm_of_two()
    leaving, staying = served(swarm, dnsrr=dnsrr)
    state = changed(swarm.state, leaving, desired=TaskState.SHUTDOWN)
    for asker in (sandbox(state, leaving), sandbox(state, staying)):
        assert found(state, asker, "tasks.web") == own((staying,))
        assert found(state, asker, leaving.name) is None
        assert found(state, asker, leaving.container[:12]) is None
        assert found(state, asker, "web") == (own((staying,)) if dnsrr else found(swarm.state, asker, "web"))


def test_a_vip_has_its_name_until_the_last_backend_is_gone() -> None:
    swarm = swarm_of_two()
    tasks = served(swarm)
    asker = sandbox(swarm.state, tasks[0])
    vip = found(swarm.state, asker, "web")
    draining = swarm.state
    for task in tasks:
        draining = changed(draining, task, desired=TaskState.SHUTDOWN)
    assert found(draining, asker, "web") == vip
    assert found(draining, asker, "tasks.web") is None
    gone = changed(draining, tasks[1], state=TaskState.SHUTDOWN)
    gone = changed(gone, tasks[0], desired=TaskState.SHUTDOWN, stopping=True)
    assert found(gone, asker, "web") is None


def test_a_service_without_tasks_is_asked_upstream() -> None:
    swarm = swarm_of_two()
    tasks = served(swarm)
    node = next(iter(swarm.state.nodes.values()))
    net = next(network for network in swarm.state.networks.values() if network.name == "net")
    asker = swarm.container(node, net)
    empty = without(without(swarm.state, tasks[0]), tasks[1])
    assert found(swarm.state, NamespaceRef(node.name, asker.sandbox_file), "web") is not None
    assert found(empty, NamespaceRef(node.name, asker.sandbox_file), "web") is None


def test_the_first_network_in_order_that_knows_a_name_says_it() -> None:
    swarm = swarm_of_two()
    node = next(iter(swarm.state.nodes.values()))
    net, also = swarm.network("z", "10.0.2.0/24"), swarm.network("a", "10.0.3.0/24")
    service = swarm.service("web", (net.id, also.id))
    asker = sandbox(swarm.state, swarm.task(service, node))
    assert found(swarm.state, asker, "web") == {service.vips[also.id].ip}
    assert found(swarm.state, asker, "web.z") == {service.vips[net.id].ip}


def test_containers_outside_services_have_names_on_networks_that_somebody_made() -> None:
    swarm = swarm_of_two()
    node, far = swarm.state.nodes.values()
    net = next(network for network in swarm.state.networks.values() if network.name == "net")
    bridge = swarm.bridge(node, "mine", "192.168.0.0/20")
    asker = swarm.container(node, bridge, net)
    near, remote, plain = swarm.container(node, bridge), swarm.container(far, net), swarm.container(node, "bridge")
    near = replace(near, spec=replace(near.spec, aliases={"mine": ("db",), "other": ("no",)}, hostname="called"))
    swarm.state = replace(swarm.state, containers={**swarm.state.containers, near.id: near})
    ref = NamespaceRef(node.name, asker.sandbox_file)
    expected = {near.bridges[bridge.id].ip}
    for name in (near.name, near.id[:12], "db", "called", f"{near.name}.mine"):
        assert found(swarm.state, ref, name) == expected
    assert found(swarm.state, ref, remote.name) == {remote.attachments[0].address.ip}
    for name in ("no", "tasks.db", f"tasks.{near.name}", plain.name, plain.id[:12]):
        assert found(swarm.state, ref, name) is None
    stopped = replace(near, state=ContainerState.EXITED)
    state = replace(swarm.state, containers={**swarm.state.containers, near.id: stopped})
    assert found(state, ref, "db") is None


def test_containers_of_a_node_that_is_down_are_unknown_on_the_swarms_networks() -> None:
    swarm = swarm_of_two()
    node, far = swarm.state.nodes.values()
    net = next(network for network in swarm.state.networks.values() if network.name == "net")
    asker, other = swarm.container(node, net), swarm.container(far, net)
    ref = NamespaceRef(node.name, asker.sandbox_file)
    assert found(swarm.state, ref, other.name) is not None
    down = replace(swarm.state.nodes[far.id], status=NodeStatus.DOWN)
    assert found(replace(swarm.state, nodes={**swarm.state.nodes, far.id: down}), ref, other.name) is None


def test_containers_of_another_nodes_bridge_of_that_name_are_unknown() -> None:
    swarm = swarm_of_two()
    node, far = swarm.state.nodes.values()
    here, there = swarm.bridge(node, "mine", "192.168.0.0/20"), swarm.bridge(far, "mine", "192.168.0.0/20")
    asker, other = swarm.container(node, here), swarm.container(far, there)
    assert found(swarm.state, NamespaceRef(node.name, asker.sandbox_file), other.name) is None


@quick
@given(swarms(), st.data())
def test_whatever_is_answered_belongs_to_whoever_serves_on_a_network_of_the_asker(
    swarm: ClusterState, data: st.DataObject
) -> None:
    names = Names(swarm)
    everybody: list[Task | Container] = [*swarm.tasks.values(), *swarm.containers.values()]
    asked = [service.spec.name for service in swarm.services.values()]
    asked += [f"tasks.{name}" for name in asked]
    asked += [name for each in everybody for name in (each.name, each.container[:12])]
    asked.append("nobody")
    for ref, networks in resolver.sandboxes(swarm).items():
        allowed = {
            attachment.address.ip
            for each in everybody
            if (each.serves if isinstance(each, Task) else each.placed)
            for attachment in each.attachments
            if attachment.network in networks
        }
        vips = {
            service.vips[network].ip
            for service in swarm.services.values()
            for network in networks
            if network in service.vips and any(t.balanced for t in swarm.placed_tasks(service=service.id))
        }
        bridges = {
            interface.ip
            for container in swarm.containers.values()
            for network, interface in container.bridges.items()
            if network in networks
        }
        name = data.draw(st.sampled_from(asked))
        answer = names.answer(ref, name, "A")
        if answer is not None:
            assert answer.addresses
            own = allowed | bridges
            assert set(answer.addresses) <= (own if name.startswith("tasks.") else own | vips)
