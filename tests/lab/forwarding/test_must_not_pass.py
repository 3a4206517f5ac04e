"""What the mesh keeps apart."""

from __future__ import annotations

import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.l2 import ARP, Ether
from scapy.layers.vxlan import VXLAN

from meshnet.pytest_plugin.expecting import Expect
from meshnet.pytest_plugin.lab import Lab
from meshnet.pytest_plugin.sending import Send
from meshnet.pytest_plugin.traced import TraceIt

pytestmark = [pytest.mark.lab(folder="."), pytest.mark.xdist_group("forwarding")]

PORT = 7


def test_a_task_of_another_network_is_out_of_reach(lab: Lab, trace: TraceIt) -> None:
    """On the same node even: the only way out is the node's bridge, and from there none leads back."""
    apart = lab.task("apart.1")
    address = str(apart.addresses["back"].ip)
    traced = trace("asker.1", address, PORT)
    assert not traced.delivered
    assert apart.place not in traced.request.namespaces


def test_a_tasks_ingress_address_lets_only_its_published_port_in(lab: Lab, trace: TraceIt) -> None:
    """Any sandbox of the ingress network can send there; the task's own rules turn away all else."""
    address = str(lab.task("one.1").addresses["ingress"].ip)
    sandbox = "swarm-worker2/ingress_sbox"
    for proto in ("tcp", "udp"):
        assert trace(sandbox, address, 7101, proto=proto).reaches("one.1")
        turned_away = trace(sandbox, address, 9, proto=proto)
        assert turned_away.dropped_at(lab.task("one.1").place, rule=f"-p {proto} -j DROP")
        assert turned_away.predicted_as_observed


@pytest.mark.parametrize("proto", ["tcp", "udp"])
def test_a_port_that_nobody_published_is_refused_by_the_node(lab: Lab, trace: TraceIt, proto: str) -> None:
    traced = trace("client", lab.worker1, 7999, proto=proto)
    assert traced.dropped_at("swarm-worker1", why="no-listener")
    assert not traced.passes("*/ingress_sbox")


def test_neighbours_on_the_gwbridge_do_not_hear_each_other(lab: Lab, trace: TraceIt) -> None:
    """``icc`` is off there: containers of different networks share the bridge only as their way out."""
    asker, apart = lab.task("asker.1"), lab.task("apart.1")
    there = lab.worker2.run(f"docker exec {apart.container[:12]} true; {gwbridge_address(apart.place)}").check()
    traced = trace(asker, there.text.split()[3].partition("/")[0], PORT)
    assert traced.dropped_at("swarm-worker2", rule="-i docker_gwbridge -o docker_gwbridge -j DROP")
    assert traced.predicted_as_observed


def gwbridge_address(place: str) -> str:
    """The command that prints a container's leg on the bridge, as ``ip -o addr`` has it."""
    file = place.partition("/")[2]
    return f"nsenter --net=/var/run/docker/netns/{file} ip -4 -o addr | grep ' 172\\.'"


def test_no_arp_crosses_the_tunnel(lab: Lab, expect_no_packet: Expect, trace: TraceIt) -> None:
    """``vxlan0`` answers for those on other nodes; their MACs need not be asked for."""
    lab.worker2.run("nsenter --net=/var/run/docker/netns/ingress_sbox ip neigh flush all").check()
    with expect_no_packet(
        at=["swarm-worker1//eth0", "swarm-worker2//eth0"], match=UDP(dport=4789) / VXLAN() / Ether() / ARP()
    ):
        assert trace("client", lab.worker2, 7101).reaches("one.1")


def test_a_frame_from_outside_for_a_tasks_address_is_not_taken_in(
    lab: Lab, send: Send, expect_no_packet: Expect
) -> None:
    """Sent to a node as if that were the router to the overlay: it isn't."""
    address = str(lab.task("one.1").addresses["ingress"].ip)
    node_mac = lab.worker1.run("cat /sys/class/net/eth0/address").check().text.strip()
    inside = IP(src="10.0.0.200", dst=address) / TCP(sport=4444, dport=7101, flags="S")
    forged = Ether(src="02:00:00:00:00:99", dst=node_mac) / inside
    with expect_no_packet(at=lab.task("one.1").place, match=IP(dst=address) / TCP(sport=4444)):
        send(forged, at=lab.client, interface="eth0")
