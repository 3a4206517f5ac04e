"""The topologies, as Mininet reads them."""

from __future__ import annotations

import subprocess
import sys
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Any

import pytest

from meshnet.errors import InputError
from topo import LeafSpineTopo, SwarmTopo, TwoSiteTopo, topos
from topo.route import StaticRoute
from topo.shape import Shape


def addresses(topology: Any) -> dict[str, IPv4Interface]:
    return {host: IPv4Interface(topology.nodeInfo(host)["ip"]) for host in topology.hosts()}


def switch_of(topology: Any, host: str) -> str:
    ((other, _),) = topology.ports[host].values()
    return str(other)


@pytest.mark.parametrize("topology", [make() for make in topos.values()], ids=list(topos))
class TestEveryTopology:
    def test_has_a_manager_workers_and_a_client_by_their_default_names(self, topology: Any) -> None:
        roles = {host: topology.nodeInfo(host)["role"] for host in topology.hosts()}
        machines = {host: role for host, role in roles.items() if role != "router"}
        assert machines == {
            "swarm-manager": "manager",
            "swarm-worker1": "worker",
            "swarm-worker2": "worker",
            "client": "client",
        }

    def test_has_no_interface_name_longer_than_linux_allows(self, topology: Any) -> None:
        for node, other, info in topology.iterLinks(withInfo=True):
            for end, name, port in ((node, "intfName1", "port1"), (other, "intfName2", "port2")):
                assert len(info.get(name, f"{end}-eth{info[port]}")) <= 15

    def test_has_no_loop_of_switches(self, topology: Any) -> None:
        """A Linux bridge without spanning tree would carry a broadcast round for ever."""
        groups = {switch: {switch} for switch in topology.switches()}
        for one, other in topology.iterLinks():
            if one in groups and other in groups:
                assert groups[one] is not groups[other]
                merged = groups[one] | groups[other]
                groups.update(dict.fromkeys(merged, merged))

    def test_gives_each_interface_a_mac_of_its_own(self, topology: Any) -> None:
        macs = [
            info[end] for *_, info in topology.iterLinks(withInfo=True) for end in ("addr1", "addr2") if end in info
        ]
        assert len(macs) >= len(topology.hosts())
        assert len(set(macs)) == len(macs)

    def test_refuses_an_unknown_parameter_and_lists_the_known(self, topology: Any) -> None:
        with pytest.raises(InputError, match=r"no parameter 'wrokers'; it takes .*managers, workers, clients"):
            type(topology)(wrokers=3)

    def test_refuses_more_values_than_it_has_parameters(self, topology: Any) -> None:
        with pytest.raises(InputError, match="no more than"):
            type(topology)(*[1] * 12)


def test_swarm_is_one_lan() -> None:
    topology = SwarmTopo(managers=2, workers=3, clients=2)
    assert {switch_of(topology, host) for host in topology.hosts()} == {"lan1"}
    assert len(topology.hosts()) == 7


def test_two_sites_are_cabled_by_one_slow_link() -> None:
    topology = TwoSiteTopo(delay="40ms", loss=2, rate=8)
    info = topology.linkInfo("site1", "site2")
    shape = Shape.parse(delay=info["delay"], loss=info["loss"], bw=info["bw"])
    assert (shape.delay, shape.loss, shape.rate) == (40_000, 2.0, 8_000_000)
    assert {host: switch_of(topology, host) for host in topology.hosts()} == {
        "swarm-manager": "site1",
        "swarm-worker1": "site2",
        "swarm-worker2": "site1",
        "client": "site2",
    }


@pytest.mark.parametrize(
    ("parameters", "named"), [({"delay": "soon"}, "delay"), ({"loss": 101}, "loss"), ({"rate": 0}, "rate")]
)
def test_a_slow_link_of_nonsense_is_refused_by_name(parameters: dict[str, Any], named: str) -> None:
    with pytest.raises(InputError, match=f"^{named} must be"):
        TwoSiteTopo(**parameters)


def test_racks_have_subnets_that_follow_one_another() -> None:
    topology = LeafSpineTopo(leaves=3, subnet="10.20.0.0/24")
    racks = {addresses(topology)[f"leaf{number}"].network for number in (1, 2, 3)}
    assert racks == {IPv4Network(f"10.20.{number}.0/24") for number in range(3)}


@pytest.mark.parametrize(("leaves", "spines"), [(1, 1), (2, 2), (3, 5)])
def test_every_leaf_reaches_every_router_and_rack_by_every_spine(leaves: int, spines: int) -> None:
    """Follows the routes: from any router to any address, whichever of equal gateways is taken."""
    topology = LeafSpineTopo(leaves=leaves, spines=spines)
    legs = _router_legs(topology)
    owners = {leg.ip: router for router, mine in legs.items() for leg in mine}
    for start in legs:
        for target in {*owners, *(address.ip for address in addresses(topology).values())}:
            for choice in range(spines):
                assert _arrives(topology, legs, owners, start, target, choice), f"{start} to {target} by {choice}"
    gateways = [len(route.via) for route in topology.nodeInfo("leaf1")["routes"]]
    assert gateways == [spines]


def _router_legs(topology: Any) -> dict[str, list[IPv4Interface]]:
    routers = [host for host in topology.hosts() if topology.nodeInfo(host)["role"] == "router"]
    legs = {router: [IPv4Interface(topology.nodeInfo(router)["ip"])] for router in routers}
    for one, other, info in topology.iterLinks(withInfo=True):
        for end, params in ((one, "params1"), (other, "params2")):
            if "ip" in info.get(params, {}):
                legs[end].append(IPv4Interface(info[params]["ip"]))
    return legs


def _arrives(
    topology: Any,
    legs: dict[str, list[IPv4Interface]],
    owners: dict[IPv4Address, str],
    router: str,
    target: IPv4Address,
    choice: int,
) -> bool:
    for _ in range(4):
        if owners.get(target) == router or any(target in leg.network for leg in legs[router]):
            return True
        routes: list[StaticRoute] = [
            route for route in topology.nodeInfo(router)["routes"] if target in route.destination
        ]
        if not routes:
            return False
        best = max(routes, key=lambda route: route.destination.prefixlen)
        router = owners[best.via[choice % len(best.via)]]
    return False


def test_a_fabric_that_outgrows_its_addresses_is_refused() -> None:
    with pytest.raises(InputError, match="no addresses for the cables"):
        LeafSpineTopo(leaves=600, spines=60)


@pytest.mark.thorough
def test_importing_the_topologies_pulls_neither_setuptools_nor_the_node_classes() -> None:
    """Half a second in user-mode Linux."""
    heavy = {"setuptools", "distutils", "mininet.node", "asyncio", "importlib.metadata"}
    code = f"import sys, topo, topo.registry; print(*{heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
