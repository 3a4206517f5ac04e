"""One frame in one line, as a person reads it."""

from __future__ import annotations

from datetime import datetime
from ipaddress import IPv4Address, IPv6Address

from meshnet.path import Packet
from meshnet.trace.decode import decode_frame
from meshnet.trace.seen import Sighting

_HEADER = 14
_ARP_BYTES, _IPV6_BYTES = 28, 40
_SECOND = 1_000_000_000


def frame_line(seen: Sighting) -> str:
    """``07:12:01.123456789 out swarm-worker1/ingress_sbox eth1 tcp 10.0.0.2:40000 > 10.0.0.5:80 S, 74 bytes``."""
    moment = datetime.fromtimestamp(seen.time // _SECOND)
    clock = f"{moment:%H:%M:%S}.{seen.time % _SECOND:09d}"
    way = "out" if seen.direction.out else "in "
    return f"{clock} {way} {seen.at} {seen.interface} {summary(seen.data)}, {seen.length} bytes"


def summary(data: bytes) -> str:
    """What a frame is, from its Ethernet header on."""
    packet = decode_frame(data)
    if packet is not None:
        return _packet(packet)
    kind, body = int.from_bytes(data[12:_HEADER], "big"), data[_HEADER:]
    if kind == 0x0806 and len(body) >= _ARP_BYTES:
        return _arp(body)
    if kind == 0x86DD and len(body) >= _IPV6_BYTES:
        return f"ipv6 {IPv6Address(body[8:24])} > {IPv6Address(body[24:40])} next header {body[6]}"
    return f"ethertype 0x{kind:04x}"


def _packet(packet: Packet) -> str:
    if packet.inner is None:
        return str(packet)
    return f"vxlan {packet.vni} {packet.source} > {packet.destination}: {_packet(packet.inner)}"


def _arp(body: bytes) -> str:
    operation, source, target = body[7], IPv4Address(body[14:18]), IPv4Address(body[24:28])
    if operation == 1:
        return f"arp who-has {target} tell {source}"
    return f"arp {source} is-at {body[8:14].hex(':')}"
