"""What rules ask of a packet's headers: addresses, interfaces, protocol, ports, flags, ICMP's type."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address
from typing import TypeAlias

from meshnet.path import Packet
from meshnet.predict.netfilter.icmp_type import type_and_code
from meshnet.predict.netfilter.situation import Situation, UntaughtError
from meshnet.predict.netfilter.spelling import Match, Option

Holds: TypeAlias = Callable[[Situation], bool]
Reader: TypeAlias = Callable[[Option, Match], Holds]

_PROTOCOLS = {"1": "icmp", "6": "tcp", "17": "udp", "132": "sctp"}
_NUMBERS = {"igmp": "2", "ipencap": "4", "dccp": "33", "gre": "47", "esp": "50", "ah": "51", "udplite": "136"}
_FLAGS = {"FIN": "F", "SYN": "S", "RST": "R", "PSH": "P", "ACK": "A", "URG": "U"}
_ICMP = {
    "any": (255, None),
    "echo-reply": (0, None),
    "destination-unreachable": (3, None),
    "network-unreachable": (3, 0),
    "host-unreachable": (3, 1),
    "protocol-unreachable": (3, 2),
    "port-unreachable": (3, 3),
    "fragmentation-needed": (3, 4),
    "redirect": (5, None),
    "echo-request": (8, None),
    "time-exceeded": (11, None),
    "ttl-exceeded": (11, None),
    "parameter-problem": (12, None),
}


def source(option: Option, match: Match) -> Holds:
    network, mask, negated = *_network(option), option.negated
    return lambda at: (int(at.packet.source) & mask == network) != negated


def destination(option: Option, match: Match) -> Holds:
    network, mask, negated = *_network(option), option.negated
    return lambda at: (int(at.packet.destination) & mask == network) != negated


def _network(option: Option) -> tuple[int, int]:
    """The masked address and the mask, which need not be a prefix."""
    address, _, mask = option.value.partition("/")
    try:
        bits = -1 << 32 - int(mask or 32) & 0xFFFFFFFF if "." not in mask else int(IPv4Address(mask))
        return int(IPv4Address(address)) & bits, bits
    except ValueError:
        raise UntaughtError(str(option)) from None


def in_interface(option: Option, match: Match) -> Holds:
    names, negated = named(option.value), option.negated
    return lambda at: names(at.passage.in_interface) != negated


def out_interface(option: Option, match: Match) -> Holds:
    names, negated = named(option.value), option.negated
    return lambda at: names(at.passage.out_interface) != negated


def named(pattern: str) -> Callable[[str], bool]:
    """Whether a name is ``pattern``, or begins like it where that ends in ``+``."""
    if pattern.endswith("+"):
        return lambda name: name.startswith(pattern[:-1])
    return lambda name: name == pattern


def protocol(option: Option, match: Match) -> Holds:
    name, negated = option.value, option.negated
    if name in ("all", "0"):
        return lambda at: True
    wanted = _PROTOCOLS.get(name) or _NUMBERS.get(name, name)
    if wanted not in _PROTOCOLS.values() and not wanted.isdigit():
        raise UntaughtError(str(option))
    return lambda at: (at.packet.protocol == wanted) != negated


def source_port(option: Option, match: Match) -> Holds:
    return _ports(option, lambda packet: (packet.source_port,))


def destination_port(option: Option, match: Match) -> Holds:
    return _ports(option, lambda packet: (packet.destination_port,))


def either_port(option: Option, match: Match) -> Holds:
    return _ports(option, lambda packet: (packet.source_port, packet.destination_port))


def _ports(option: Option, ports: Callable[[Packet], tuple[int | None, ...]]) -> Holds:
    """Fragments without ports match neither a rule nor its contrary. A port that isn't known while the other one is,
    is one that the kernel drew."""
    ranges, negated = [_range(part, option) for part in option.value.split(",")], option.negated

    def holds(at: Situation) -> bool:
        packet = at.packet
        if packet.source_port is None and packet.destination_port is None:
            return False
        found = False
        for port in ports(packet):
            if port is None:
                raise UntaughtError(f"{option} of a port that the kernel draws")
            found = found or any(low <= port <= high for low, high in ranges)
        return found != negated

    return holds


def _range(text: str, option: Option) -> tuple[int, int]:
    low, colon, high = text.partition(":")
    try:
        return int(low or 0), int(high or 65535) if colon else int(low)
    except ValueError:
        raise UntaughtError(str(option)) from None


def tcp_flags(option: Option, match: Match) -> Holds:
    if len(option.values) != 2:
        raise UntaughtError(str(option))
    looked_at, wanted = (_flags(value, option) for value in option.values)
    return lambda at: (looked_at.intersection(at.packet.kind) == wanted) != option.negated


def syn(option: Option, match: Match) -> Holds:
    return lambda at: ("S" in at.packet.kind and not {"A", "R", "F"}.intersection(at.packet.kind)) != option.negated


def _flags(text: str, option: Option) -> frozenset[str]:
    if text in ("ALL", "NONE"):
        return frozenset(_FLAGS.values() if text == "ALL" else ())
    if not {*text.split(",")} <= {*_FLAGS}:
        raise UntaughtError(str(option))
    return frozenset(_FLAGS[name] for name in text.split(","))


def icmp_type(option: Option, match: Match) -> Holds:
    wanted, code = _icmp(option)
    if wanted == 255:
        return lambda at: not option.negated

    def holds(at: Situation) -> bool:
        found = type_and_code(at.packet.kind)
        return (found[0] == wanted and code in (None, found[1])) != option.negated

    return holds


def _icmp(option: Option) -> tuple[int, int | None]:
    if option.value in _ICMP:
        return _ICMP[option.value]
    number, _, code = option.value.partition("/")
    try:
        return int(number), int(code) if code else None
    except ValueError:
        raise UntaughtError(str(option)) from None


BASIC: dict[str, Reader] = {
    "-s": source,
    "-d": destination,
    "-i": in_interface,
    "-o": out_interface,
    "-p": protocol,
}
PORTS: dict[str, Reader] = {"--sport": source_port, "--dport": destination_port}
TCP: dict[str, Reader] = {**PORTS, "--tcp-flags": tcp_flags, "--syn": syn}
MULTIPORT: dict[str, Reader] = {"--sports": source_port, "--dports": destination_port, "--ports": either_port}
ICMP: dict[str, Reader] = {"--icmp-type": icmp_type}
