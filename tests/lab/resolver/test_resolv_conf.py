"""What ``/etc/resolv.conf`` says, in containers and on nodes."""

from __future__ import annotations

from ipaddress import IPv4Address

from meshnet.lab.resolver import Upstream, resolv_conf
from meshnet.model import Generation, PortConfig, PublishMode
from tests.mesh import reference
from tests.mesh.swarms import Swarm

OUTSIDE = (Upstream(IPv4Address("192.168.56.100")),)


def test_a_tasks_is_the_references() -> None:
    assert resolv_conf.of_container(reference.CLIENT_1, OUTSIDE) == "nameserver 127.0.0.11\noptions ndots:0\n"


def test_a_container_without_a_resolver_asks_as_its_node_does() -> None:
    swarm = Swarm()
    swarm.network("ingress", "10.0.0.0/24")
    node = swarm.node(Generation.G20_10)
    port = PortConfig(80, 80, mode=PublishMode.HOST)
    for each in (
        swarm.container(node, "bridge"),
        swarm.container(node),
        swarm.task(swarm.service("s", (), (port,)), node),
    ):
        assert resolv_conf.of_container(each, OUTSIDE) == resolv_conf.of_node(OUTSIDE) == "nameserver 192.168.56.100\n"


def test_with_nobody_outside_a_node_has_no_name_servers() -> None:
    assert resolv_conf.of_node(()) == ""
