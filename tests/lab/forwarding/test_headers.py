"""What is on the wire between the nodes: outer and inner headers."""

from __future__ import annotations

import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.l2 import Ether
from scapy.layers.vxlan import VXLAN

from meshnet.pytest_plugin.expecting import Expect
from meshnet.pytest_plugin.lab import Lab
from tests.lab.forwarding.test_ways_in import HOME, ONE, ingress_address

pytestmark = [pytest.mark.lab(folder="."), pytest.mark.xdist_group("forwarding")]

ENTRY = "swarm-worker2"


def mac_of(address: object) -> str:
    """``02:42`` and the address: what Docker gives an endpoint."""
    return ":".join(f"{int(byte):02x}" for byte in ("2", "66", *str(address).split(".")))


def say(lab: Lab, proto: str) -> None:
    """From the client to the service by the entry node."""
    lab.client.run(f"bash -c 'echo hello >/dev/{proto}/{lab.node(ENTRY).address}/{ONE}'").check()


@pytest.mark.parametrize(("layer", "proto"), [(TCP, "tcp"), (UDP, "udp")], ids=["tcp", "udp"])
def test_the_entry_nodes_sandbox_speaks_to_the_task_inside_a_vxlan_packet_between_the_nodes(
    lab: Lab, expect_packet: Expect, layer: type, proto: str
) -> None:
    task = lab.task("one.1").addresses["ingress"].ip
    entry = ingress_address(lab, ENTRY)
    outer = IP(src=str(lab.node(ENTRY).address), dst=str(lab.node(HOME).address)) / UDP(dport=4789)
    inner = Ether(src=mac_of(entry), dst=mac_of(task)) / IP(src=str(entry), dst=str(task)) / layer(dport=ONE)
    with expect_packet(at=f"{HOME}//eth0", match=outer / VXLAN(vni=4096) / inner):
        say(lab, proto)


def test_the_answer_comes_back_the_same_way(lab: Lab, expect_packet: Expect) -> None:
    task = lab.task("one.1").addresses["ingress"].ip
    entry = ingress_address(lab, ENTRY)
    outer = IP(src=str(lab.node(HOME).address), dst=str(lab.node(ENTRY).address)) / UDP(dport=4789)
    inner = Ether(src=mac_of(task), dst=mac_of(entry)) / IP(src=str(task), dst=str(entry)) / TCP(sport=ONE, flags="SA")
    with expect_packet(at=f"{ENTRY}//eth0", match=outer / VXLAN(vni=4096) / inner):
        say(lab, "tcp")


def test_what_goes_to_the_client_bears_the_address_it_asked(lab: Lab, expect_packet: Expect) -> None:
    entry = lab.node(ENTRY).address
    with expect_packet(at="client//eth0", match=IP(src=str(entry)) / TCP(sport=ONE, flags="SA")):
        say(lab, "tcp")
