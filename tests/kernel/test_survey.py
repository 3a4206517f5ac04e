"""The survey of a few namespaces of this kernel: what a prediction needs, and how little is listed twice."""

from __future__ import annotations

import resource
import socket
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest

from meshnet.kernel.iptables import Iptables, Save
from meshnet.kernel.listeners import listeners
from meshnet.kernel.namespaces import NetNamespace
from meshnet.kernel.rule_cache import RuleCache
from meshnet.kernel.survey import Surveyor
from meshnet.netstate import NamespaceRef, NextHop, Route, Veth
from meshnet.netstate.world import Listener
from meshnet.trace.rule_hits import RuleHits
from tests.kernel.nodes import bare_nodes, run
from tests.lab.walled import walled

pytestmark = pytest.mark.lab

A, B = NamespaceRef("a"), NamespaceRef("b", "inner")


class Counted(Iptables):
    """Counts how often rules were listed."""

    listed = 0

    def save(self, namespace: NetNamespace) -> Save | None:
        self.listed += 1
        return super().save(namespace)


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def pair() -> dict[NamespaceRef, NetNamespace]:
    """Two namespaces of two machines, and a cable between them."""
    namespaces = {A: NetNamespace.create(), B: NetNamespace.create()}
    run(namespaces[A], "ip link set lo up; ip link add left type veth peer name right; ip link set left up mtu 1400")
    with namespaces[A].entered():
        run(namespaces[A], f"ip link set right netns /proc/$PPID/fd/{namespaces[B].fd}")
    run(namespaces[B], "ip addr add 10.1.2.3/24 dev right; ip link set right up; ip link set lo up")
    return namespaces


@walled
def test_a_cable_between_machines_is_a_veth_with_its_peer() -> None:
    world = Surveyor(Iptables("legacy")).survey(pair())
    left, right = world.states[A].links["left"], world.states[B].links["right"]
    assert left.kind == Veth("right", B)
    assert right.kind == Veth("left", A)
    assert left.mtu == 1400


@walled
def test_a_survey_tells_each_interfaces_settings() -> None:
    namespaces = pair()
    settings = {"rp_filter": "2", "route_localnet": "1", "forwarding": "1", "accept_local": "1", "arp_ignore": "3"}
    for name, value in settings.items():
        run(namespaces[B], f"echo {value} >/proc/sys/net/ipv4/conf/right/{name}")
    sysctls = Surveyor(Iptables("legacy")).survey(namespaces).states[B].sysctls
    assert {name: sysctls[f"net.ipv4.conf.right.{name}"] for name in settings} == settings
    assert sysctls["net.ipv4.conf.lo.route_localnet"] == "0"


@walled
def test_what_changes_between_two_surveys_is_seen() -> None:
    namespaces = pair()
    surveyor = Surveyor(Iptables("legacy"))
    surveyor.survey(namespaces)
    run(namespaces[A], "iptables-legacy -t mangle -A INPUT -j MARK --set-mark 7; ip route add 10.9.0.0/16 dev left")
    namespaces[NamespaceRef("c")] = NetNamespace.create()
    world = surveyor.survey(namespaces)
    assert [str(rule) for rule in world.states[A].rules.chain("mangle", "INPUT").rules] == [
        "-j MARK --set-xmark 0x7/0xffffffff"
    ]
    assert [str(route.destination) for route in world.states[A].routes] == ["10.9.0.0/16"]
    del namespaces[B]
    assert surveyor.survey(namespaces).states.keys() == namespaces.keys()


@walled
def test_what_is_as_it_was_is_the_same_object() -> None:
    namespaces = pair()
    surveyor = Surveyor(Iptables("legacy"))
    first = surveyor.survey(namespaces)
    assert surveyor.survey(namespaces) is first
    run(namespaces[A], "sysctl -qw net.ipv4.conf.all.rp_filter=2")
    second = surveyor.survey(namespaces)
    assert second.states[A].sysctls["net.ipv4.conf.all.rp_filter"] == "2"
    assert second.states[B] is first.states[B]


@walled
def test_a_route_of_several_next_hops_has_them_all() -> None:
    namespaces = pair()
    hops = "nexthop via 10.1.2.1 dev right weight 3 nexthop dev right"
    run(namespaces[B], f"ip route add 10.8.0.0/16 {hops}; ip route add 10.9.0.0/16 via 10.1.2.1")
    several = (NextHop("right", IPv4Address("10.1.2.1"), 3), NextHop("right"))
    assert Surveyor(Iptables("legacy")).survey(namespaces).states[B].routes == {
        Route(IPv4Network("10.8.0.0/16"), "", kind="multipath", hops=several),
        Route(IPv4Network("10.9.0.0/16"), "right", IPv4Address("10.1.2.1")),
    }


@walled
def test_a_survey_leaves_nothing_open_where_it_has_let_go() -> None:
    namespaces = pair()
    surveyor = Surveyor(Iptables("legacy"))
    surveyor.survey({})
    before = descriptors()
    for _ in range(3):
        surveyor.survey(namespaces)
    assert descriptors() > before
    surveyor.let_go(A)
    surveyor.survey({})
    assert descriptors() == before


@walled
def test_where_descriptors_are_few_sysctls_are_read_all_the_same() -> None:
    namespaces = pair()
    whole = Surveyor(Iptables("legacy")).survey(namespaces)
    few = descriptors() + 40
    resource.setrlimit(resource.RLIMIT_NOFILE, (few, few))
    assert Surveyor(Iptables("legacy")).survey(namespaces) == whole
    assert descriptors() < few - 10


@walled
def test_rules_are_listed_again_only_where_they_have_changed() -> None:
    namespaces = pair()
    run(namespaces[A], "iptables-legacy -A INPUT -p tcp -j DROP")
    programs = Counted("legacy")
    cache = RuleCache(programs)
    first = cache.rules(namespaces)
    assert cache.rules(namespaces) == first
    assert programs.listed == len(namespaces)
    run(namespaces[A], "iptables-legacy -D INPUT 1")
    assert cache.rules(namespaces)[A].tables == {}
    run(namespaces[A], "iptables-legacy -P INPUT DROP")
    assert cache.rules(namespaces)[A].chain("filter", "INPUT").policy == "DROP"


@walled
def test_what_a_trace_leaves_behind_is_no_reason_to_list_rules_again() -> None:
    namespaces = pair()
    run(namespaces[A], "iptables-legacy -A INPUT -p tcp -j DROP")
    programs = Counted("legacy")
    cache = RuleCache(programs)
    first = cache.rules(namespaces)
    with RuleHits(namespaces):
        pass
    before = programs.listed
    assert cache.rules(namespaces) == first
    assert programs.listed == before


@walled
def test_sockets_that_wait_are_listed_and_others_are_not() -> None:
    nodes = bare_nodes({"one": "10.0.0.1/24"})
    namespace = nodes[NamespaceRef("one")]
    run(namespace, "ip link set lo up")
    with namespace.entered():
        everywhere, here = socket.create_server(("", 80)), socket.create_server(("10.0.0.1", 81))
        both = socket.create_server(("::", 82), family=socket.AF_INET6, dualstack_ipv6=True)
        mapped = socket.create_server(("::ffff:10.0.0.1", 83), family=socket.AF_INET6, dualstack_ipv6=True)
        other = socket.create_server(("::", 84), family=socket.AF_INET6)
        datagrams, connected = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        datagrams.bind(("", 53))
        connected.bind(("", 54))
        connected.connect(("10.0.0.1", 53))
        asking = socket.create_connection(("10.0.0.1", 80))
    assert listeners(namespace) == {
        Listener("tcp", 80),
        Listener("tcp", 81, IPv4Address("10.0.0.1")),
        Listener("tcp", 82),
        Listener("tcp", 83, IPv4Address("10.0.0.1")),
        Listener("udp", 53),
    }
    for each in (everywhere, here, both, mapped, other, datagrams, connected, asking):
        each.close()
