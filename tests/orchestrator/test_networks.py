"""Networks: subnets, VXLAN ids, addresses and what is refused."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

import pytest

from meshnet.errors import AllocationError, InputError, Refusal
from meshnet.model import SECOND, ClusterState, NetworkSpec, Stack
from meshnet.model.node import INGRESS_SBOX
from meshnet.orchestrator import CreateNetwork, RemoveNetwork, RemoveService, deploy, settled, step
from tests.orchestrator.machines import refusal
from tests.orchestrator.swarms import MANAGER, WORKER1, WORKER2, balancer, network, publish, run, service, swarm, vip


def subnets(state: ClusterState) -> dict[str, str]:
    return {network.name: str(network.subnet) for network in state.networks.values() if not network.ingress}


def test_pool_is_given_after_ingress_since_19_03() -> None:
    assert subnets(run(swarm("20.10"), network("a"), network("b"))) == {"a": "10.0.1.0/24", "b": "10.0.2.0/24"}


def test_pool_is_given_from_its_start_before_19_03() -> None:
    assert subnets(run(swarm("18.06"), network("a"), network("b"))) == {"a": "10.0.0.0/24", "b": "10.0.1.0/24"}


def test_freed_subnet_is_not_soon_given_again() -> None:
    assert subnets(run(swarm(), network("a"), RemoveNetwork("a"), network("b"))) == {"b": "10.0.2.0/24"}


def test_18_03_gives_a_freed_subnet_again() -> None:
    assert subnets(run(swarm("18.03"), network("a"), RemoveNetwork("a"), network("b"))) == {"b": "10.0.0.0/24"}


def test_pool_skips_what_networks_have() -> None:
    state = run(swarm(), network("asked", "10.0.1.0/24"), network("next"))
    assert subnets(state) == {"asked": "10.0.1.0/24", "next": "10.0.2.0/24"}


def test_freed_vxlan_id_is_not_soon_given_again() -> None:
    state = run(swarm(), network("a"), RemoveNetwork("a"), network("b"))
    assert [network.vni for network in state.networks.values()] == [4096, 4098]


def test_vxlan_id_and_mtu_can_be_asked_for() -> None:
    options = {
        "com.docker.network.driver.mtu": "9000",
        "com.docker.network.driver.overlay.vxlanid_list": "5000",
    }
    made = run(swarm(), network("jumbo", options=options)).network_named("jumbo")
    assert made is not None
    assert (made.mtu, made.vni) == (8950, 5000)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"com.docker.network.driver.mtu": "big"}, "driver.mtu is a number from 118 to 65535, not 'big'"),
        ({"com.docker.network.driver.overlay.vxlanid_list": "4096"}, "the VXLAN id 4096, which another one has"),
    ],
)
def test_bad_options_are_named(options: dict[str, str], sentence: str) -> None:
    with pytest.raises((InputError, AllocationError), match=sentence):
        run(swarm(), network("odd", options=options))


@pytest.mark.parametrize(
    ("subnet", "sentence"),
    [
        ("192.168.56.0/26", r"overlaps 192\.168\.56\.0/24, where the machines stand"),
        ("10.0.0.0/23", r"overlaps 10\.0\.0\.0/24 of the network ingress"),
        ("10.9.0.0/30", r"a /29 is the smallest of use here"),
    ],
)
def test_subnets_that_cannot_be_are_refused(subnet: str, sentence: str) -> None:
    with pytest.raises(AllocationError, match=sentence):
        run(swarm(), network("mine", subnet))


@pytest.mark.parametrize("name", ["-a", "a.b", "a b", "", "x" * 64])
def test_names_that_are_no_dns_label_are_refused(name: str) -> None:
    with pytest.raises(InputError, match="the network name"):
        run(swarm(), network(name))


def test_second_network_of_a_name_is_refused() -> None:
    with pytest.raises(InputError, match="network with name a already exists"):
        run(swarm(), network("a"), network("a"))


def test_network_in_use_cannot_be_removed_until_it_is_not() -> None:
    state = run(swarm(), network("a"), service("web", networks=["a"]))
    with pytest.raises(InputError, match=r"network \w{25} is in use by service \w{25}"):
        run(state, RemoveNetwork("a"))
    assert not subnets(run(state, RemoveService("web"), RemoveNetwork("a")))


def test_unknown_network_cannot_be_removed() -> None:
    with pytest.raises(InputError, match="network a not found"):
        run(swarm(), RemoveNetwork("a"))


def test_early_manager_sets_a_balancers_address_aside_for_every_node() -> None:
    """The article's VIP on my-demo is 10.0.2.5: a gateway and three nodes come before it."""
    state = run(swarm("18.03"), network("my-demo", "10.0.2.0/24"), service("web", networks=["my-demo"]))
    assert vip(state, "web", "my-demo") == "10.0.2.5/24"
    assert balancer(state, MANAGER, "my-demo") == "10.0.2.2/24"
    assert balancer(state, WORKER1, "my-demo") is None
    state = run(state, service("more", 3, networks=["my-demo"]))
    assert balancer(state, WORKER2, "my-demo") == "10.0.2.4/24"


def test_balancer_leaves_with_the_last_task_and_its_address_goes_back() -> None:
    state = run(swarm(), network("a"), service("web", networks=["a"]))
    where = state.network_named("a")
    assert where is not None
    assert balancer(state, MANAGER, "a") == "10.0.1.4/24"
    state = run(state, RemoveService("web"))
    assert balancer(state, MANAGER, "a") is None
    assert state.counters.taken[where.id] == {where.gateway}


def test_address_is_not_soon_given_again() -> None:
    state = run(swarm(), network("a"), service("web", networks=["a"]), RemoveService("web"))
    assert vip(run(state, service("web", networks=["a"])), "web", "a") == "10.0.1.5/24"


def test_addresses_wrap_round_the_subnet() -> None:
    state = run(swarm(), network("small", "10.9.0.0/29"))
    seen = []
    for _ in range(4):
        state = run(state, service("web", 0, networks=["small"]))
        seen.append(vip(state, "web", "small"))
        state = run(state, RemoveService("web"))
    assert seen == ["10.9.0.2/29", "10.9.0.3/29", "10.9.0.4/29", "10.9.0.5/29"]
    state = run(state, service("a", 0, networks=["small"]), service("b", 0, networks=["small"]))
    assert (vip(state, "a", "small"), vip(state, "b", "small")) == ("10.9.0.6/29", "10.9.0.2/29")


def test_no_vip_left_is_said() -> None:
    state = run(swarm(), network("small", "10.9.0.0/29"))
    state = run(state, *(service(f"web{number}", 0, networks=["small"]) for number in range(5)))
    with pytest.raises(AllocationError, match=r"no address is left on the network small \(10\.9\.0\.0/29\)"):
        run(state, service("web9", 0, networks=["small"]))


def test_external_network_is_not_made_by_deploying() -> None:
    asked = NetworkSpec("b", IPv4Network("10.0.1.0/24"))
    stack = Stack(networks=(NetworkSpec("a"), asked, NetworkSpec("there", external=True)))
    assert deploy(stack) == (CreateNetwork(asked), CreateNetwork(NetworkSpec("a"))), "those that ask come first"


def test_ingress_vip_comes_before_those_of_user_networks() -> None:
    state = run(swarm(), network("a"), service("web", networks=["a"], ports=(publish(80, 80),)))
    made = state.service_named("web")
    assert made is not None
    assert [str(vip) for vip in made.vips.values()] == ["10.0.0.5/24", "10.0.1.2/24"]


def test_network_is_meant_by_id_and_its_beginning_too() -> None:
    state = run(swarm(), network("a"))
    where = state.network_named("a")
    assert where is not None
    for name in (where.id, where.id[:10]):
        assert not subnets(run(state, RemoveNetwork(name)))


def test_gateway_can_be_asked_for_and_is_nobody_elses() -> None:
    asked = network("a", "10.9.0.0/29", gateway=IPv4Address("10.9.0.3"))
    state = run(swarm(), asked, *(service(f"web{number}", 0, networks=["a"]) for number in range(3)))
    assert [vip(state, f"web{number}", "a") for number in range(3)] == ["10.9.0.4/29", "10.9.0.5/29", "10.9.0.6/29"]
    outside = network("b", "10.9.1.0/24", gateway=IPv4Address("10.9.2.1"))
    assert "no configured subnet contains gateway 10.9.2.1" in refusal(swarm(), outside)[1]


def test_predefined_networks_are_nobodys_to_make_or_remove() -> None:
    for command in (network("bridge"), RemoveNetwork("bridge")):
        assert refusal(swarm(), command)[0] is Refusal.PERMISSION_DENIED


def test_ingress_network_is_removed_and_made_anew() -> None:
    state = run(swarm(), RemoveNetwork("ingress"))
    assert state.ingress is None
    for each in state.nodes.values():
        assert (each.attachments, each.engine.gateways, each.engine.joins) == ({}, {}, {})
    state = run(state, network("mesh", "10.11.0.0/16", ingress=True))
    assert balancer(state, MANAGER, "mesh") == "10.11.0.2/16"
    assert all(INGRESS_SBOX in each.engine.gateways for each in state.nodes.values())
    state = run(state, service("web", ports=(publish(80, 8080),)))
    assert vip(state, "web", "mesh") == "10.11.0.5/16"


def test_ingress_network_stays_while_a_service_publishes() -> None:
    state = run(swarm(), service("web", ports=(publish(80, 8080),)))
    of = state.service_named("web")
    assert of is not None
    assert refusal(state, RemoveNetwork("ingress")) == (
        Refusal.FAILED_PRECONDITION,
        f"ingress network cannot be removed because service {of.id} depends on it",
    )


def test_ingress_network_is_one_and_not_attachable() -> None:
    state = swarm()
    assert state.ingress is not None
    assert refusal(state, network("mesh", ingress=True)) == (
        Refusal.ALREADY_EXISTS,
        f"ingress network ({state.ingress.id}) is already present",
    )
    attachable = network("mesh", ingress=True, attachable=True)
    assert refusal(state, RemoveNetwork("ingress"), attachable) == (
        Refusal.INVALID_ARGUMENT,
        "ingress network cannot be attachable",
    )


def test_a_network_can_be_removed_while_its_last_tasks_drain() -> None:
    """As ``docker stack rm`` does: services, and at once their networks."""
    state = run(swarm(), network("front"), service("web", 2, networks=["front"]))
    going = state.network_named("front")
    assert going is not None
    now = SECOND
    state = step(step(state, RemoveService("web"), now), RemoveNetwork("front"), now)
    assert state.network_named("front") is None
    assert going.id in state.networks, "its tasks still drain there"
    state = step(state, CreateNetwork(NetworkSpec("front")), now)
    another = state.network_named("front")
    assert another is not None
    assert another.subnet != going.subnet
    assert going.id not in settled(state, now).networks
