"""What is wanted comes to be there, no more than differs is touched, and what others broke is found and mended."""

from __future__ import annotations

import re
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from pathlib import Path

import pytest

from meshnet.errors import KernelError
from meshnet.kernel.apply import Kernel
from meshnet.kernel.namespaces import NetNamespace
from meshnet.netstate import (
    Address,
    Bridge,
    FdbEntry,
    Link,
    NamespaceRef,
    Neighbour,
    NetState,
    Route,
    Veth,
    Vxlan,
)
from meshnet.netstate.dialects import iptables_save
from tests.kernel.nodes import bare_nodes, kernel_with, nodes_of, remaining, rendered, run
from tests.lab.walled import walled
from tests.mesh.article import CLUSTERS, article

pytestmark = pytest.mark.lab

NODE = NamespaceRef("node")
OVERLAY = NamespaceRef("node", "1-x8u3k2m1p0")
TASK = NamespaceRef("node", "0123456789ab")
World = dict[NamespaceRef, NetState]

RULES = """*nat
:DOCKER-INGRESS - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER-INGRESS
-A DOCKER-INGRESS -p tcp -m tcp --dport 8000 -j DNAT --to-destination 172.18.0.2:8000
-A DOCKER-INGRESS -j RETURN
COMMIT
*filter
:FORWARD DROP [0:0]
-A FORWARD -o lan -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
COMMIT
"""


def rules_from(text: str) -> str:
    """With the built-in chains that ``text`` uses declared, as ``iptables-save`` would."""
    return text.replace("*nat\n", "*nat\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n")


def address(link: str, interface: str) -> Address:
    return Address(link, IPv4Interface(interface), IPv4Interface(interface).network.broadcast_address)


def small_world(node: str = "node", vtep: str = "192.168.56.12", last: int = 7) -> World:
    """A node, one overlay on it, and one task on that."""
    host, overlay, task = NamespaceRef(node), NamespaceRef(node, OVERLAY.file), NamespaceRef(node, TASK.file)
    remote = IPv4Address(f"10.0.2.{15 - last}")
    remote_mac = f"02:42:0a:00:02:{15 - last:02x}"
    return {
        host: NetState(
            sysctls={"net.ipv4.ip_forward": "1", "net.bridge.bridge-nf-call-iptables": "0"},
            rules=iptables_save.parse(rules_from(RULES)),
            foreign=frozenset({"eth0"}),
        ),
        overlay: NetState(
            links={
                "br0": Link("br0", Bridge(), mtu=1450),
                "vxlan0": Link("vxlan0", Vxlan(4097, 4789, host), mtu=1450, master="br0"),
                "veth7": Link("veth7", Veth("eth0", task), mtu=1450, master="br0"),
            },
            addresses=(address("br0", "10.0.2.1/24"),),
            neighbours=frozenset({Neighbour("vxlan0", remote, remote_mac)}),
            fdb=frozenset({FdbEntry("vxlan0", remote_mac, IPv4Address(vtep))}),
            sysctls={"net.ipv6.conf.all.disable_ipv6": "1", "net.bridge.bridge-nf-call-iptables": "0"},
        ),
        task: NetState(
            links={"eth0": Link("eth0", Veth("veth7", overlay), f"02:42:0a:00:02:{last:02x}", 1450)},
            addresses=(address("eth0", f"10.0.2.{last}/24"), Address("lo", IPv4Interface("10.0.2.5/32"))),
            routes=frozenset({Route(IPv4Network("0.0.0.0/0"), "eth0", IPv4Address("10.0.2.1"))}),
            sysctls={"net.ipv6.conf.all.disable_ipv6": "1", "net.ipv4.conf.eth0.rp_filter": "0"},
        ),
    }


def applied(world: World) -> Kernel:
    kernel = kernel_with(bare_nodes({"node": "192.168.56.11/24"}))
    kernel.apply(world)
    return kernel


def without(world: World, *refs: NamespaceRef) -> World:
    return {ref: state for ref, state in world.items() if ref not in refs}


@pytest.mark.parametrize("engines", CLUSTERS)
@walled
def test_a_rendered_cluster_comes_to_be_there(engines: str) -> None:
    state = article(*CLUSTERS[engines])
    want = rendered(state)
    kernel = kernel_with(nodes_of(state))
    assert kernel.apply(want)
    assert remaining(kernel, want) == ""
    assert not kernel.apply(want)
    assert not kernel.apply(want, look=True)
    assert not kernel.apply(want, strict=True)


@walled
def test_interfaces_have_the_order_and_the_look_of_the_real_thing() -> None:
    kernel = applied(small_world())
    links = run(kernel.namespaces[OVERLAY], "ip -d -o link")
    assert re.findall(r"\d: (\w+)", links) == ["lo", "br0", "vxlan0", "veth7"]
    assert "vxlan id 4097 srcport 0 0 dstport 4789 proxy l2miss l3miss ttl auto ageing 300 udpcsum" in links
    assert links.count("UP,LOWER_UP") == 4
    assert "stp_state 0" in links
    assert "fe80" not in run(kernel.namespaces[OVERLAY], "ip addr")
    assert "0.0.0.0:4789" in run(kernel.namespaces[NODE], "ss -luHn")
    assert "4789" not in run(kernel.namespaces[OVERLAY], "ss -luHn")


@walled
def test_packets_cross_from_task_to_task() -> None:
    """Two nodes, the overlay between them: neighbours answered by proxy, FDB to the other's VTEP, sockets outside."""
    nodes = bare_nodes({"one": "192.168.56.11/24", "two": "192.168.56.12/24"})
    kernel = kernel_with(nodes)
    kernel.apply({**small_world("one", "192.168.56.12", 7), **small_world("two", "192.168.56.11", 8)})
    task = kernel.namespaces[NamespaceRef("one", TASK.file)]
    assert "1 received" in run(task, "ping -c 1 -W 2 10.0.2.8")
    assert "lladdr 02:42:0a:00:02:08" in run(task, "ip neigh show 10.0.2.8")


BREAKAGES = {
    "- filter FORWARD: -j DROP": (NODE, "iptables -I FORWARD -j DROP"),
    "- filter FORWARD at 2: -o lan -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT": (
        NODE,
        "iptables -A FORWARD -o lan -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
    ),
    "+ nat DOCKER-INGRESS at 1: -p tcp -m tcp --dport 8000 -j DNAT --to-destination 172.18.0.2:8000": (
        NODE,
        "iptables -t nat -D DOCKER-INGRESS 1",
    ),
    "~ filter FORWARD: policy DROP": (NODE, "iptables -P FORWARD ACCEPT"),
    "~ sysctl net.ipv4.ip_forward: 0 -> 1": (NODE, "echo 0 > /proc/sys/net/ipv4/ip_forward"),
    "~ link br0: state down -> up": (OVERLAY, "ip link set br0 down"),
    "~ link lo: state down -> up": (OVERLAY, "ip link set lo down"),
    "~ link vxlan0: master none -> br0": (OVERLAY, "ip link set vxlan0 nomaster"),
    "~ link eth0: mac 02:42:0a:00:02:77 -> 02:42:0a:00:02:07": (TASK, "ip link set eth0 address 02:42:0a:00:02:77"),
    "- fdb 02:42:0a:00:02:99 dst 192.168.56.99 dev vxlan0": (
        OVERLAY,
        "bridge fdb append 02:42:0a:00:02:99 dev vxlan0 dst 192.168.56.99 self permanent",
    ),
    "+ fdb 02:42:0a:00:02:08 dst 192.168.56.12 dev vxlan0": (
        OVERLAY,
        "bridge fdb replace 02:42:0a:00:02:08 dev vxlan0 dst 192.168.56.99 self permanent",
    ),
    "+ neighbour 10.0.2.8 lladdr 02:42:0a:00:02:08 dev vxlan0": (OVERLAY, "ip neigh del 10.0.2.8 dev vxlan0"),
    "+ route default via 10.0.2.1 dev eth0": (TASK, "ip route del default"),
    "- route blackhole 10.0.9.0/24": (TASK, "ip route add blackhole 10.0.9.0/24"),
    "+ address 10.0.2.5/32 dev lo": (TASK, "ip addr del 10.0.2.5/32 dev lo"),
    "- address 10.0.2.9/32 dev lo": (TASK, "ip addr add 10.0.2.9/32 dev lo"),
    "- link mine": (TASK, "ip link add mine type bridge"),
    "- link yours, and so mine in node/0123456789ab": (TASK, "ip link add mine type veth peer name yours"),
    "+ link veth7 veth to eth0 in node/0123456789ab mtu 1450 master br0; "
    "there eth0 veth to veth7 in node/1-x8u3k2m1p0 mac 02:42:0a:00:02:07 mtu 1450": (TASK, "ip link del eth0"),
    "+ link vxlan0 vxlan 4097 port 4789 over node mtu 1450 master br0": (
        OVERLAY,
        "ip link del vxlan0; ip link add vxlan0 mtu 1450 master br0 type vxlan id 4097 dstport 4789 proxy",
    ),
}


@pytest.mark.parametrize("found", BREAKAGES)
@walled
def test_what_somebody_broke_is_found_and_mended(found: str) -> None:
    ref, command = BREAKAGES[found]
    kernel = applied(small_world())
    run(kernel.namespaces[ref], command)
    lines = str(kernel.plan()).splitlines()
    assert any(line.endswith(found) for line in lines), lines
    assert str(kernel.apply(small_world(), strict=True)).splitlines() == lines
    assert remaining(kernel, small_world()) == ""


@walled
def test_what_others_added_stays_and_what_they_took_comes_back() -> None:
    kernel = applied(small_world())
    node, task = kernel.namespaces[NODE], kernel.namespaces[TASK]
    run(node, "iptables -I FORWARD -s 10.9.9.9 -j DROP; iptables -D FORWARD 2; iptables -N MINE")
    run(task, "ip link add mine type bridge; ip addr add 10.0.2.9/24 dev eth0; ip route add 10.0.9.0/24 via 10.0.2.1")
    plan = kernel.apply(small_world(), look=True)
    assert str(plan) == "node: + filter FORWARD: -o lan -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
    assert [line for line in run(node, "iptables -S").splitlines() if "-A" in line or "MINE" in line] == [
        "-N MINE",
        "-A FORWARD -s 10.9.9.9/32 -j DROP",
        "-A FORWARD -o lan -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
    ]
    assert {"10.0.2.9/24", "10.0.2.7/24"} <= set(run(task, "ip -o -4 addr").split())
    assert "10.0.9.0/24" in run(task, "ip route")


@walled
def test_rules_that_stay_keep_their_counters() -> None:
    world = small_world()
    counted = "-A OUTPUT -d 127.0.0.2/32 -j ACCEPT\n"
    head = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n"
    before = iptables_save.parse(f"{head}{counted}-A OUTPUT -d 127.0.0.3/32 -j ACCEPT\nCOMMIT\n")
    after = iptables_save.parse(f"{head}-A OUTPUT -d 127.0.0.4/32 -j ACCEPT\n{counted}COMMIT\n")
    kernel = applied({**world, NODE: replace(world[NODE], rules=before)})
    node = kernel.namespaces[NODE]
    run(node, "ping -c 3 -i 0.01 127.0.0.2")
    kernel.apply({**world, NODE: replace(world[NODE], rules=after)})
    assert re.findall(r"\[(\d+):\d+\] -A OUTPUT -d (\S+)", run(node, "iptables_save -c")) == [
        ("0", "127.0.0.4/32"),
        ("3", "127.0.0.2/32"),
    ]


@walled
def test_it_is_looked_after_all_where_somebody_is_in_the_way() -> None:
    """Without looking: a rule to be deleted is gone, and an interface's index is taken."""
    world = small_world()
    kernel = applied(world)
    run(kernel.namespaces[NODE], "iptables -t nat -D DOCKER-INGRESS 1")
    run(kernel.namespaces[TASK], "".join(f"ip link add mine{n} type bridge;" for n in range(9)))
    task = replace(world[TASK], links={**world[TASK].links, "br9": Link("br9", Bridge())})
    want = {**world, NODE: NetState(foreign=frozenset({"eth0"})), TASK: task}
    kernel.apply(want)
    assert not kernel.apply(want, look=True)
    assert "DOCKER" not in run(kernel.namespaces[NODE], "iptables_save")
    assert "br9" in run(kernel.namespaces[TASK], "ip link")


@walled
def test_what_is_there_or_gone_already_is_no_matter() -> None:
    world = small_world()
    kernel = applied(without(world, TASK) | {OVERLAY: replace(world[OVERLAY], links=_without_port(world))})
    overlay = kernel.namespaces[OVERLAY]
    run(overlay, "ip neigh del 10.0.2.8 dev vxlan0; bridge fdb del 02:42:0a:00:02:08 dev vxlan0 dst 192.168.56.12")
    bare = replace(world[OVERLAY], links=_without_port(world), neighbours=frozenset(), fdb=frozenset(), addresses=())
    run(overlay, "ip addr del 10.0.2.1/24 dev br0; ip addr add 10.0.3.1/24 brd + dev br0")
    kernel.apply({NODE: world[NODE], OVERLAY: replace(bare, addresses=(address("br0", "10.0.3.1/24"),))})
    assert not kernel.plan()


def _without_port(world: World) -> dict[str, Link]:
    return {name: link for name, link in world[OVERLAY].links.items() if name != "veth7"}


@walled
def test_a_change_that_cannot_be_made_is_named_and_all_others_are() -> None:
    world = small_world()
    bad = Route(IPv4Network("10.7.0.0/16"), "eth0", IPv4Address("10.99.0.1"))
    task = replace(world[TASK], routes=world[TASK].routes | {bad})
    kernel = kernel_with(bare_nodes({"node": "192.168.56.11/24"}))
    with pytest.raises(KernelError, match=r"node/0123456789ab: \+ route 10.7.0.0/16 via 10.99.0.1 dev eth0: "):
        kernel.apply({**world, TASK: task})
    assert remaining(kernel, world) == ""
    assert not kernel.apply(world)


@walled
def test_what_a_change_that_broke_off_has_left_goes_with_the_next() -> None:
    world = small_world()
    kernel = applied(world)
    more = iptables_save.parse(rules_from(RULES) + "*mangle\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -j ACCEPT\nCOMMIT\n")
    bad = {"net.ipv4.nowhere": "1"}
    with pytest.raises(KernelError):
        kernel.apply({**world, NODE: replace(world[NODE], rules=more, sysctls=bad)})
    assert "-A OUTPUT -j ACCEPT" in run(kernel.namespaces[NODE], "iptables_save")
    kernel.apply(world)
    assert not kernel.plan()


@walled
def test_a_rule_that_iptables_does_not_take_is_named() -> None:
    world = small_world()
    rules = iptables_save.parse("*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -m nonsense -j ACCEPT\nCOMMIT\n")
    kernel = kernel_with(bare_nodes({"node": "192.168.56.11/24"}))
    with pytest.raises(KernelError, match=r"node: .*-A INPUT -m nonsense -j ACCEPT: .*nonsense"):
        kernel.apply({**world, NODE: replace(world[NODE], rules=rules)})
    kernel.apply(world)
    assert remaining(kernel, world) == ""


@walled
def test_a_namespace_goes_at_once_as_far_as_anybody_can_tell() -> None:
    """Its veths' other ends and its VXLAN device are gone when ``apply`` returns, also while somebody is inside."""
    world = small_world()
    kernel = applied(world)
    still_inside = [NetNamespace(_duplicate(kernel.namespaces[ref])) for ref in (OVERLAY, TASK)]
    kernel.apply(without(world, TASK) | {OVERLAY: replace(world[OVERLAY], links=_without_port(world))})
    assert "veth7" not in run(kernel.namespaces[OVERLAY], "ip link")
    kernel.apply(world)
    kernel.apply(without(world, TASK, OVERLAY))
    assert kernel.namespaces.keys() == {NODE}
    kernel.apply(world)
    assert remaining(kernel, world) == ""
    for namespace in still_inside:
        namespace.close()


def _duplicate(namespace: NetNamespace) -> int:
    with namespace.entered():
        return NetNamespace.current().fd


@walled
def test_the_lab_is_told_of_namespaces_that_come_and_go() -> None:
    told: list[tuple[str, str]] = []
    kernel = Kernel(
        on_created=lambda ref, namespace: told.append((str(ref), run(namespace, "ls /proc/thread-self/net/dev"))),
        on_dropped=lambda ref: told.append((str(ref), "dropped")),
    )
    (node,) = bare_nodes({"node": "192.168.56.11/24"}).values()
    kernel.adopt(NODE, node)
    kernel.apply(small_world())
    kernel.apply(without(small_world(), TASK, OVERLAY))
    assert [ref for ref, _ in told] == [str(OVERLAY), str(TASK)] * 2
    assert [what for _, what in told].count("dropped") == 2


@walled
def test_an_adopted_namespace_is_left_as_it_was_handed_over() -> None:
    nodes = bare_nodes({"node": "192.168.56.11/24", "client": "192.168.56.100/24"})
    kernel = kernel_with(nodes)
    node = nodes[NODE]
    run(node, "iptables -A INPUT -s 10.9.9.9 -j DROP; ip route add default via 192.168.56.1")
    listing = "ip -o link; ip -o -4 addr; ip route; iptables -S; iptables -t nat -S"
    before = [run(namespace, listing) for namespace in nodes.values()]
    kernel.apply(small_world())
    kernel.apply(small_world(), look=True)
    kernel.apply({})
    after = [run(namespace, listing) for namespace in nodes.values()]
    assert after == before
    kernel.close()
    run(node, "true")


@walled
def test_a_sysctl_of_ipv6_in_a_kernel_without_it_is_as_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    from meshnet.kernel import sysctl

    monkeypatch.setattr(sysctl, "is_moot", lambda name: "nowhere" in name)
    world = small_world()
    moot = {**world[TASK].sysctls, "net.ipv6.nowhere": "1"}
    kernel = applied({**world, TASK: replace(world[TASK], sysctls=moot)})
    assert not kernel.plan()


@walled
def test_a_sysctl_that_there_is_not_is_named() -> None:
    world = small_world()
    with pytest.raises(KernelError, match=r"sysctl net.ipv4.nowhere: 1: No such file or directory"):
        applied({**world, TASK: replace(world[TASK], sysctls={"net.ipv4.nowhere": "1"})})


@walled
def test_nothing_of_the_machine_s_own_namespace_changes() -> None:
    namespace = NetNamespace.current()

    def listing() -> str:
        return run(namespace, "ip -o addr; ip route; iptables_save | grep -v '^#' || true")

    before, sysctls = listing(), Path("/proc/sys/net/ipv4/ip_forward").read_text()
    applied(small_world()).close()
    assert (listing(), Path("/proc/sys/net/ipv4/ip_forward").read_text()) == (before, sysctls)
