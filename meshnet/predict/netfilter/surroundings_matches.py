"""What rules ask beyond a packet's headers: its connection, its mark, what kind of address it has, who sent it here."""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import IPv4Address

from meshnet.path import Packet
from meshnet.predict.netfilter.flow import FlowState
from meshnet.predict.netfilter.header_matches import Holds, Reader, named
from meshnet.predict.netfilter.situation import Situation, UntaughtError
from meshnet.predict.netfilter.spelling import Match, Option

_ADDRESS_TYPES = {"UNICAST", "LOCAL", "BROADCAST", "MULTICAST"}
_STATES = {state.value for state in FlowState}
_EVERY_BIT = 0xFFFFFFFF

# VXLAN's network number, wherever the IP header ends: how Docker finds the packets of its encrypted networks.
_VNI = re.compile(r"(?:0x)?0>>(?:22|0x16)&0x3c@(?:12|0xc)&0xffffff00=(?P<number>0x[0-9a-f]+|\d+)")


def ctstate(option: Option, match: Match) -> Holds:
    return _state(option, {*option.value.split(",")}, {*_STATES, "SNAT", "DNAT"})


def state(option: Option, match: Match) -> Holds:
    return _state(option, {*option.value.split(",")}, _STATES)


def _state(option: Option, wanted: set[str], known: set[str]) -> Holds:
    if not wanted <= known:
        raise UntaughtError(str(option))

    def holds(at: Situation) -> bool:
        found = (at.flow.state.value if at.flow else FlowState.INVALID.value) in wanted
        if (connection := at.connection) is not None:
            found = found or (connection.source_translated and "SNAT" in wanted)
            found = found or (connection.destination_translated and "DNAT" in wanted)
        return found != option.negated

    return holds


def mark(option: Option, match: Match) -> Holds:
    value, mask = number_and_mask(option)
    return lambda at: ((at.packet.mark or 0) & mask == value) != option.negated


def connmark(option: Option, match: Match) -> Holds:
    """A packet without a connection has none, and matches neither a rule nor its contrary."""
    value, mask = number_and_mask(option)

    def holds(at: Situation) -> bool:
        connection = at.connection
        return connection is not None and (connection.mark & mask == value) != option.negated

    return holds


def number_and_mask(option: Option) -> tuple[int, int]:
    value, _, mask = option.value.partition("/")
    try:
        return int(value, 0), int(mask, 0) if mask else _EVERY_BIT
    except ValueError:
        raise UntaughtError(str(option)) from None


def source_type(option: Option, match: Match) -> Holds:
    return _address_type(option, match, lambda packet: packet.source)


def destination_type(option: Option, match: Match) -> Holds:
    return _address_type(option, match, lambda packet: packet.destination)


def _address_type(option: Option, match: Match, address: Callable[[Packet], IPv4Address]) -> Holds:
    wanted = {*option.value.split(",")}
    if not wanted <= _ADDRESS_TYPES:
        raise UntaughtError(str(option))
    by_in, by_out = match.says("--limit-iface-in"), match.says("--limit-iface-out")

    def holds(at: Situation) -> bool:
        interface = at.passage.in_interface if by_in else at.passage.out_interface if by_out else ""
        return (_type(at, address(at.packet), interface) in wanted) != option.negated

    return holds


def _type(at: Situation, address: IPv4Address, interface: str) -> str:
    """As the kernel's local routing table has it (``inet_dev_addr_type``): whatever isn't there is unicast."""
    number = int(address)
    if number in (0, _EVERY_BIT):
        return "BROADCAST"
    if number >> 28 == 0xE:
        return "MULTICAST"
    if at.host.is_local(address, interface):
        return "LOCAL"
    return "BROADCAST" if at.host.is_broadcast(address, interface) else "UNICAST"


def ipvs(option: Option, match: Match) -> Holds:
    return lambda at: at.passage.balanced != option.negated


def physdev_in(option: Option, match: Match) -> Holds:
    names, negated = named(option.value), option.negated
    return lambda at: (bool(at.passage.physical_in) and names(at.passage.physical_in)) != negated


def physdev_out(option: Option, match: Match) -> Holds:
    """A bridged frame whose port out isn't chosen yet matches any, and any's contrary (``physdev_mt``)."""
    names, negated = named(option.value), option.negated

    def holds(at: Situation) -> bool:
        if not at.passage.physical_in:
            return negated
        return not at.passage.physical_out or names(at.passage.physical_out) != negated

    return holds


def physdev_is_in(option: Option, match: Match) -> Holds:
    return lambda at: bool(at.passage.physical_in) != option.negated


def physdev_is_out(option: Option, match: Match) -> Holds:
    """So is ``--physdev-is-bridged``: of what came by a bridge's port, whether it leaves by one as well."""
    return lambda at: bool(at.passage.physical_in and at.passage.physical_out) != option.negated


def u32(option: Option, match: Match) -> Holds:
    found = _VNI.fullmatch(option.value.lower())
    if found is None:
        raise UntaughtError(str(option))
    vni = int(found["number"], 0) >> 8
    return lambda at: (at.packet.vni == vni) != option.negated


def says_nothing(option: Option, match: Match) -> Holds:
    """A comment, or what another option of the match has taken into account."""
    return lambda at: True


CONNTRACK: dict[str, Reader] = {"--ctstate": ctstate}
STATE: dict[str, Reader] = {"--state": state}
MARK: dict[str, Reader] = {"--mark": mark}
CONNMARK: dict[str, Reader] = {"--mark": connmark}
ADDRTYPE: dict[str, Reader] = {
    "--src-type": source_type,
    "--dst-type": destination_type,
    "--limit-iface-in": says_nothing,
    "--limit-iface-out": says_nothing,
}
IPVS: dict[str, Reader] = {"--ipvs": ipvs}
PHYSDEV: dict[str, Reader] = {
    "--physdev-in": physdev_in,
    "--physdev-out": physdev_out,
    "--physdev-is-in": physdev_is_in,
    "--physdev-is-out": physdev_is_out,
    "--physdev-is-bridged": physdev_is_out,
}
U32: dict[str, Reader] = {"--u32": u32}
COMMENT: dict[str, Reader] = {"--comment": says_nothing}
