"""Packets made by hand, as bytes: what a capture or a rule's trace would hand over."""

from __future__ import annotations

import struct
from ipaddress import IPv4Address

from meshnet.netstate import NamespaceRef
from meshnet.path import Hook
from meshnet.trace.seen import Direction, Hit, Sighting

SYN, SYN_ACK, RESET = 0x02, 0x12, 0x14
INIT, INIT_ACK, ABORT = 1, 2, 6
MACS = "020000000001", "020000000002"


def ip(source: str, destination: str, protocol: int, body: bytes, *, ttl: int = 64, fragment: int = 0x4000) -> bytes:
    ends = IPv4Address(source).packed + IPv4Address(destination).packed
    return struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 0, fragment, ttl, protocol, 0) + ends + body


def tcp(
    source: str,
    sport: int,
    destination: str,
    dport: int,
    *,
    flags: int = SYN,
    sequence: int = 7,
    ack: int = 0,
    ttl: int = 64,
) -> bytes:
    header = struct.pack("!HHIIBBHHH", sport, dport, sequence, ack, 0x50, flags, 0, 0, 0)
    return ip(source, destination, 6, header, ttl=ttl)


def udp(
    source: str, sport: int, destination: str, dport: int, payload: bytes = b"", *, fragment: int = 0x4000
) -> bytes:
    body = struct.pack("!HHHH", sport, dport, 8 + len(payload), 0) + payload
    return ip(source, destination, 17, body, fragment=fragment)


def sctp(
    source: str,
    sport: int,
    destination: str,
    dport: int,
    chunk: int,
    *,
    tag: bytes = bytes(4),
    initiate: bytes = b"",
    flags: int = 0,
) -> bytes:
    """With one chunk; ``tag`` is the verification tag, ``initiate`` that of an INIT or of what answers it."""
    body = struct.pack("!BBH", chunk, flags, 4 + len(initiate)) + initiate
    return ip(source, destination, 132, struct.pack("!HH4sI", sport, dport, tag, 0) + body)


def icmp(source: str, destination: str, number: int, code: int, payload: bytes, *, identifier: int = 0) -> bytes:
    return ip(source, destination, 1, struct.pack("!BBHHH", number, code, 0, identifier, 1) + payload)


def frame(packet: bytes) -> bytes:
    """Behind an Ethernet header, from the first of ``MACS`` to the second."""
    return bytes.fromhex(MACS[1] + MACS[0] + "0800") + packet


def vxlan(source: str, destination: str, vni: int, packet: bytes) -> bytes:
    """``packet`` in a frame in VXLAN in UDP in IP."""
    header = b"\x08\0\0\0" + vni.to_bytes(3, "big") + b"\0"
    return udp(source, 50123, destination, 4789, header + frame(packet), fragment=0)


def seen(
    at: str, interface: str, direction: str, time: int, packet: bytes, *, kind: Direction = Direction.HOST
) -> Sighting:
    """``direction`` is ``in`` or ``out``."""
    data = frame(packet)
    way = Direction.OUTGOING if direction == "out" else kind
    return Sighting(NamespaceRef.parse(at), interface, way, time, data, len(data))


def hit(
    at: str,
    table: str,
    chain: str,
    number: int,
    packet: bytes,
    *,
    hook: Hook | None = None,
    mark: int = 0,
    come: str = "",
    port: str = "",
    port_out: str = "",
) -> Hit:
    """``come`` is the interface it came in by, ``port`` and ``port_out`` those of the bridge."""
    where = hook or Hook[chain]
    return Hit(NamespaceRef.parse(at), table, chain, number, where, packet, mark, come, "", port, port_out)
