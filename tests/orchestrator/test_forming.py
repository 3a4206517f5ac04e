"""What a swarm is before anything is asked of it."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Interface, IPv4Network

import pytest

from meshnet.errors import AllocationError, InputError
from meshnet.model import Generation, NodeRole, NodeStory, Story
from meshnet.model.lab import Machine
from meshnet.orchestrator import form
from tests.orchestrator.swarms import MANAGER, UNDERLAY, WORKER1, balancer, machine, swarm


@pytest.mark.parametrize(
    ("generation", "subnet"), [("18.03", "10.255.0.0/16"), ("18.06", "10.255.0.0/16"), ("20.10", "10.0.0.0/24")]
)
def test_ingress_subnet_follows_the_first_managers_generation(generation: str, subnet: str) -> None:
    formed = form("seed", [machine(MANAGER, 10, generation), machine(WORKER1, 11, "18.06")])
    assert formed.ingress is not None
    assert str(formed.ingress.subnet) == subnet


def test_ingress_subnet_can_be_asked_for() -> None:
    formed = form("seed", [machine(MANAGER, 10)], ingress_subnet=IPv4Network("10.11.0.0/16"))
    assert balancer(formed, MANAGER, "ingress") == "10.11.0.2/16"


def test_ingress_subnet_steps_aside_for_machines_in_the_pool() -> None:
    there = Machine("swarm-manager", NodeRole.MANAGER, IPv4Interface("10.0.0.10/24"), Generation.G20_10)
    formed = form("seed", [there], reserved=[IPv4Network("10.0.0.0/24")])
    assert formed.ingress is not None
    assert str(formed.ingress.subnet) == "10.0.1.0/24"


def test_early_ingress_subnet_cannot_step_aside() -> None:
    with pytest.raises(AllocationError, match=r"10\.255\.0\.0/16, which overlaps 10\.255\.3\.0/24, where the machines"):
        form("seed", [machine(MANAGER, 10, "18.03")], reserved=[IPv4Network("10.255.3.0/24")])


def test_asked_ingress_subnet_over_the_machines_is_refused() -> None:
    with pytest.raises(AllocationError, match=r"the network ingress asks for the subnet 192\.168\.0\.0/16"):
        form("seed", [machine(MANAGER, 10)], reserved=[UNDERLAY], ingress_subnet=IPv4Network("192.168.0.0/16"))


def test_bridges_skip_the_underlay_and_what_networks_will_ask_for() -> None:
    formed = form(
        "seed",
        [machine(MANAGER, 10)],
        reserved=[IPv4Network("172.17.4.0/24")],
        explicit=[IPv4Network("172.19.0.0/24")],
    )
    engine = next(iter(formed.nodes.values())).engine
    assert (str(engine.docker0), str(engine.gwbridge)) == ("172.18.0.0/16", "172.20.0.0/16")


def test_bridges_go_on_in_slices_of_192_168() -> None:
    formed = form("seed", [machine(MANAGER, 10)], reserved=[IPv4Network("172.16.0.0/12"), UNDERLAY])
    engine = next(iter(formed.nodes.values())).engine
    assert (str(engine.docker0), str(engine.gwbridge)) == ("192.168.0.0/20", "192.168.16.0/20")


def test_bridge_subnet_asked_for_is_had_and_docker0_steps_aside() -> None:
    formed = form("seed", [machine(MANAGER, 10, gwbridge=IPv4Network("172.17.0.0/16"))])
    engine = next(iter(formed.nodes.values())).engine
    assert (str(engine.docker0), str(engine.gwbridge)) == ("172.18.0.0/16", "172.17.0.0/16")
    assert str(engine.gateways["ingress-sbox"]) == "172.17.0.2"


def test_story_gives_ids_and_ingress_addresses() -> None:
    story = Story(nodes={WORKER1: NodeStory("abcdef", IPv4Address("10.0.0.2"))})
    formed = swarm(story=story)
    worker = formed.node_named(WORKER1)
    assert worker is not None
    assert worker.id.startswith("abcdef")
    assert len(worker.id) == 25
    assert balancer(formed, WORKER1, "ingress") == "10.0.0.2/24"
    assert balancer(formed, MANAGER, "ingress") == "10.0.0.3/24"


def test_swarm_without_a_manager_is_refused() -> None:
    with pytest.raises(InputError, match="a swarm needs a manager"):
        form("seed", [machine(WORKER1, 10)])


def test_two_machines_of_one_name_are_refused() -> None:
    with pytest.raises(InputError, match="same name"):
        form("seed", [machine(MANAGER, 10), machine(MANAGER, 11)])


def test_forming_is_version_zero_and_says_who_joined() -> None:
    formed = swarm()
    assert formed.version == 0
    assert [(event.version, event.reason) for event in formed.events] == [
        (0, "swarm-manager formed a swarm, joined by swarm-worker1, swarm-worker2")
    ]


def test_seed_decides_the_ids() -> None:
    assert swarm(seed="a") == swarm(seed="a")
    assert not set(swarm(seed="a").nodes) & set(swarm(seed="b").nodes)
