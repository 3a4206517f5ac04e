from __future__ import annotations

from ipaddress import IPv4Address

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.l2 import Ether
from scapy.layers.vxlan import VXLAN
from scapy.packet import Packet, Raw

from meshnet.pytest_plugin.matching import matches

MACS = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
INNER = (
    Ether(src="02:42:0a:ff:00:03", dst="02:42:0a:ff:00:07")
    / IP(src="10.255.0.3", dst="10.255.0.7")
    / TCP(sport=40000, dport=8000, flags="S")
)
OUTER = IP(src="192.168.56.11", dst="192.168.56.12") / UDP(sport=50000, dport=4789)
CARRIED = Ether(bytes(MACS / OUTER / VXLAN(vni=4096, flags="Instance") / INNER))


@pytest.mark.parametrize(
    "wanted",
    [
        TCP(),
        TCP(dport=8000),
        TCP(dport=[80, 8000]),
        TCP(flags="S"),
        IP(dst="10.255.0.7") / TCP(dport=8000),
        IP(dst="10.255.0.0/24"),
        IP(dst=IPv4Address("192.168.56.12")),
        IP(src="192.168.56.11") / UDP(dport=4789) / VXLAN(vni=4096) / Ether() / IP(dst="10.255.0.7"),
        Ether(dst="02:42:0a:ff:00:07"),
    ],
    ids=Packet.command,
)
def test_layers_are_found_wherever_they_are(wanted: Packet) -> None:
    assert matches(wanted, CARRIED)


@pytest.mark.parametrize(
    "wanted",
    [
        ICMP(),
        TCP(dport=80),
        TCP(dport=[80, 81]),
        TCP(flags="SA"),
        IP(dst="10.255.0.8"),
        IP(dst="10.255.1.0/24"),
        IP(dst="192.168.56.12") / TCP(),
        IP(dst="10.255.0.7") / UDP(),
        VXLAN(vni=4097),
        VXLAN() / IP(),
        TCP() / Raw(b"x"),
    ],
    ids=Packet.command,
)
def test_every_field_that_is_said_and_every_layer_in_order_counts(wanted: Packet) -> None:
    assert not matches(wanted, CARRIED)


def test_a_payload_is_compared_as_a_whole() -> None:
    frame = Ether(bytes(MACS / IP(src="10.0.0.1", dst="10.0.0.2") / UDP(sport=1, dport=9) / Raw(b"hello")))
    assert matches(UDP() / Raw(b"hello"), frame)
    assert not matches(UDP() / Raw(b"hell"), frame)
