"""Bytes to headers: as much of a packet as a path speaks of, at a cost that does not matter.

Written for the lab's own process, where importing scapy would take longer than a whole trace.
"""

from __future__ import annotations

import struct
from dataclasses import replace
from ipaddress import IPv4Address

from meshnet.path import Packet
from meshnet.path.packet import VXLAN_PORT

_ETHERNET = struct.Struct("!6s6sH")
_IPV4 = struct.Struct("!BBHHHBBH4s4s")
_PORTS = struct.Struct("!HH")
_TCP = struct.Struct("!HHIIBB")
_ICMP = struct.Struct("!BBHHH")
_SCTP = struct.Struct("!HHIIB")

_ETHERTYPE_IPV4 = 0x0800
_DONT_FRAGMENT = 0x4000
_MORE_FRAGMENTS = 0x2000
_OFFSET = 0x1FFF
_PROTOCOLS = {1: "icmp", 6: "tcp", 17: "udp", 132: "sctp"}
_FLAGS = "FSRPAU"
_UDP_HEADER = 8
_VXLAN_HEADER = 8

_ICMP_KINDS = {
    (0, 0): "echo-reply",
    (3, 0): "network-unreachable",
    (3, 1): "host-unreachable",
    (3, 2): "protocol-unreachable",
    (3, 3): "port-unreachable",
    (3, 4): "fragmentation-needed",
    (3, 10): "host-prohibited",
    (3, 13): "communication-prohibited",
    (8, 0): "echo-request",
    (11, 0): "ttl-exceeded",
}
_SCTP_KINDS = {1: "init", 2: "init-ack", 6: "abort"}
ECHOES = ("echo-request", "echo-reply")


def decode_frame(data: bytes) -> Packet | None:
    """The packet in a frame, from its Ethernet header on; None for what is no IPv4, or cut off too early."""
    if len(data) < _ETHERNET.size:
        return None
    destination, source, kind = _ETHERNET.unpack_from(data)
    if kind != _ETHERTYPE_IPV4:
        return None
    packet = decode_packet(data[_ETHERNET.size :])
    if packet is None:
        return None
    return replace(packet, source_mac=source.hex(":"), destination_mac=destination.hex(":"))


def decode_packet(data: bytes, mark: int | None = None) -> Packet | None:
    """The packet from its IP header on; None for what is no IPv4, or cut off too early."""
    if len(data) < _IPV4.size:
        return None
    version, _, length, _, fragment, ttl, protocol, _, source, destination = _IPV4.unpack_from(data)
    if version >> 4 != 4:
        return None
    packet = Packet(
        IPv4Address(source),
        IPv4Address(destination),
        _PROTOCOLS.get(protocol, str(protocol)),
        ttl=ttl,
        length=length,
        dont_fragment=bool(fragment & _DONT_FRAGMENT),
        mark=mark,
    )
    if fragment & _OFFSET:
        return packet
    body = data[(version & 0xF) * 4 :]
    try:
        return _with_transport(packet, body)
    except struct.error:
        return None


def transport_of(data: bytes) -> bytes:
    """What follows the IP header."""
    return data[(data[0] & 0xF) * 4 :]


def tcp_numbers(data: bytes) -> tuple[int, int]:
    """Sequence and acknowledgement number of the TCP packet whose IP header ``data`` begins with."""
    _, _, sequence, acknowledged, _, _ = _TCP.unpack_from(transport_of(data))
    return sequence, acknowledged


def innermost_of(data: bytes) -> bytes:
    """The bytes of the packet that the packet ``data`` carries over VXLAN, or ``data`` itself."""
    packet = decode_packet(data)
    if packet is None or packet.inner is None:
        return data
    return transport_of(data)[_UDP_HEADER + _VXLAN_HEADER + _ETHERNET.size :]


def _with_transport(packet: Packet, body: bytes) -> Packet:
    match packet.protocol:
        case "tcp":
            source, destination, _, _, _, flags = _TCP.unpack_from(body)
            kind = "".join(letter for bit, letter in enumerate(_FLAGS) if flags >> bit & 1)
            return replace(packet, source_port=source, destination_port=destination, kind=kind)
        case "udp":
            source, destination = _PORTS.unpack_from(body)
            if destination == VXLAN_PORT:
                return _carrying(replace(packet, destination_port=destination), body[_UDP_HEADER:])
            return replace(packet, source_port=source, destination_port=destination)
        case "sctp":
            source, destination, _, _, chunk = _SCTP.unpack_from(body)
            kind = _SCTP_KINDS.get(chunk, f"chunk/{chunk}")
            return replace(packet, source_port=source, destination_port=destination, kind=kind)
        case "icmp":
            number, code, _, identifier, _ = _ICMP.unpack_from(body)
            kind = _ICMP_KINDS.get((number, code), f"{number}/{code}")
            port = identifier if kind in ECHOES else None
            return replace(packet, source_port=port, destination_port=port, kind=kind)
    return packet


def _carrying(packet: Packet, vxlan: bytes) -> Packet:
    """``packet`` with the frame it carries. Its source port, a hash of that frame, counts as unknown."""
    vni = int.from_bytes(vxlan[4:7], "big")
    return replace(packet, vni=vni, inner=decode_frame(vxlan[_VXLAN_HEADER:]))
