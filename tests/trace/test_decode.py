from __future__ import annotations

from ipaddress import IPv4Address

import pytest

from meshnet.path import Packet
from meshnet.trace.decode import decode_frame, decode_packet, innermost_of
from tests.trace.packets import RESET, SYN_ACK, frame, icmp, ip, tcp, udp, vxlan

HERE, THERE = IPv4Address("10.0.0.1"), IPv4Address("10.0.0.2")


def packet(protocol: str, source_port: int | None, destination_port: int | None, kind: str, length: int) -> Packet:
    return Packet(HERE, THERE, protocol, source_port, destination_port, kind, 64, length)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (tcp("10.0.0.1", 40000, "10.0.0.2", 80), packet("tcp", 40000, 80, "S", 40)),
        (tcp("10.0.0.1", 40000, "10.0.0.2", 80, flags=SYN_ACK), packet("tcp", 40000, 80, "SA", 40)),
        (tcp("10.0.0.1", 40000, "10.0.0.2", 80, flags=RESET), packet("tcp", 40000, 80, "RA", 40)),
        (udp("10.0.0.1", 5000, "10.0.0.2", 53, b"x" * 12), packet("udp", 5000, 53, "", 40)),
        (icmp("10.0.0.1", "10.0.0.2", 8, 0, b"", identifier=9), packet("icmp", 9, 9, "echo-request", 28)),
        (icmp("10.0.0.1", "10.0.0.2", 3, 3, b""), packet("icmp", None, None, "port-unreachable", 28)),
        (icmp("10.0.0.1", "10.0.0.2", 3, 9, b""), packet("icmp", None, None, "3/9", 28)),
        (ip("10.0.0.1", "10.0.0.2", 47, b""), packet("47", None, None, "", 20)),
    ],
)
def test_headers_are_read(data: bytes, expected: Packet) -> None:
    assert decode_packet(data) == expected


def test_a_frame_has_macs_and_no_mark() -> None:
    found = decode_frame(frame(tcp("10.0.0.1", 1, "10.0.0.2", 2)))
    assert found is not None
    assert (found.source_mac, found.destination_mac) == ("02:00:00:00:00:01", "02:00:00:00:00:02")
    assert found.mark is None


def test_what_is_carried_over_vxlan_is_read_as_well() -> None:
    inner = tcp("10.255.0.3", 40000, "10.255.0.7", 8000)
    data = vxlan("192.168.56.11", "192.168.56.12", 4096, inner)
    outer = decode_packet(data)
    assert outer is not None and outer.inner is not None
    assert (outer.vni, outer.source_port, outer.destination_port, outer.dont_fragment) == (4096, None, 4789, False)
    assert outer.innermost.destination == IPv4Address("10.255.0.7")
    assert innermost_of(data) == inner


def test_a_later_fragment_has_no_ports() -> None:
    found = decode_packet(udp("10.0.0.1", 5000, "10.0.0.2", 53, fragment=0x0010))
    assert found is not None and found.source_port is None and not found.dont_fragment


@pytest.mark.parametrize("data", [b"", b"\x60" + b"\0" * 40, tcp("10.0.0.1", 1, "10.0.0.2", 2)[:24]])
def test_what_is_no_ipv4_or_cut_off_is_nothing(data: bytes) -> None:
    assert decode_packet(data) is None
    assert decode_frame(frame(data)) is None
