"""Names, roles and addresses of a swarm's machines."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

import pytest

from meshnet.errors import InputError
from topo.machines import deal, mac_of, on_lan, parse_subnet, places

LAN = IPv4Network("192.168.56.0/24")


def test_a_role_of_one_has_no_number_except_a_worker() -> None:
    assert [place.name for place in places(1, 1, 1)] == ["swarm-manager", "swarm-worker1", "client"]


def test_a_role_of_several_is_numbered_from_one() -> None:
    names = [place.name for place in places(2, 2, 2)]
    assert names == ["swarm-manager1", "swarm-manager2", "swarm-worker1", "swarm-worker2", "client1", "client2"]


def test_addresses_are_the_reference_swarms() -> None:
    addresses = {machine.name: str(machine.address) for machine in on_lan(places(1, 2, 1), LAN)}
    assert addresses == {
        "swarm-manager": "192.168.56.10/24",
        "swarm-worker1": "192.168.56.11/24",
        "swarm-worker2": "192.168.56.12/24",
        "client": "192.168.56.100/24",
    }


@pytest.mark.parametrize(("workers", "subnet"), [(120, LAN), (2, IPv4Network("10.9.0.0/28"))])
def test_clients_follow_the_workers_where_their_usual_place_is_taken_or_missing(
    workers: int, subnet: IPv4Network
) -> None:
    machines = on_lan(places(1, workers, 1), subnet)
    assert machines[-1].role == "client"
    assert machines[-1].address.ip == machines[-2].address.ip + 1


def test_no_two_machines_share_an_address_and_all_are_hosts_of_the_subnet() -> None:
    addresses = [machine.address.ip for machine in on_lan(places(3, 200, 40), LAN)]
    assert len(set(addresses)) == 243
    assert set(addresses) <= set(LAN.hosts())


def test_too_many_machines_for_the_subnet_are_refused_with_both_numbers() -> None:
    with pytest.raises(InputError, match=r"192\.168\.56\.0/24 has room for 245 machines .* has 246 there"):
        on_lan(places(1, 244, 1), LAN)


@pytest.mark.parametrize(
    ("counts", "named"),
    [((0, 2, 1), "managers"), ((1, -1, 1), "workers"), ((1, 2, 1.5), "clients"), ((True, 2, 1), "mana")],
)
def test_counts_that_make_no_swarm_are_refused_by_name(counts: tuple[int, int, int], named: str) -> None:
    with pytest.raises(InputError, match=f"^{named}"):
        places(*counts)


@pytest.mark.parametrize("text", ["swarm", "192.168.56.1/24", "fd00::/64", "10.0.0.0/29", ""])
def test_a_subnet_that_is_none_or_too_small_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="subnet must"):
        parse_subnet(text)


def test_dealing_gives_each_hand_one_in_turn_and_loses_none() -> None:
    swarm = places(1, 4, 1)
    hands = deal(swarm, 3)
    assert [place.name for place in hands[0]] == ["swarm-manager", "swarm-worker3"]
    assert sorted(place.name for hand in hands for place in hand) == sorted(place.name for place in swarm)


def test_a_mac_is_locally_administered_and_holds_the_address() -> None:
    assert mac_of(IPv4Address("192.168.56.10")) == "02:00:c0:a8:38:0a"
