"""What a target makes of a packet and of its connection."""

from __future__ import annotations

from dataclasses import replace
from enum import Enum, auto
from ipaddress import IPv4Address

from meshnet.path import Hook
from meshnet.predict.netfilter.connections import Connection
from meshnet.predict.netfilter.flow import INVALID, UNTRACKED
from meshnet.predict.netfilter.situation import Situation, UntaughtError
from meshnet.predict.netfilter.targets import (
    CopyMark,
    DestinationNat,
    Masquerade,
    Redirect,
    SetConnectionMark,
    SetMark,
    Simple,
    SourceNat,
    Target,
    Untaught,
)
from meshnet.predict.netfilter.translation import End, choose_destination, choose_source, translated

_LOOPBACK = IPv4Address("127.0.0.1")
_EVERY_BIT = 0xFFFFFFFF


class Effect(Enum):
    """What becomes of the packet in this table."""

    GOES_ON = auto()
    ACCEPTED = auto()
    DROPPED = auto()
    REFUSED = auto()


_SIMPLE = {
    Simple.NOTHING: Effect.GOES_ON,
    Simple.ACCEPT: Effect.ACCEPTED,
    Simple.DROP: Effect.DROPPED,
    Simple.REJECT: Effect.REFUSED,
}


def apply(target: Target, situation: Situation) -> Effect:
    """Raises ``UntaughtError`` for a target that isn't known here."""
    match target:
        case Simple.NOTRACK:
            if situation.flow in (None, INVALID):  # else lo brought it back, and it stays as it was
                situation.flow = UNTRACKED
        case Simple():
            return _SIMPLE[target]
        case SetMark(value, mask):
            mark = situation.packet.mark or 0
            situation.packet = replace(situation.packet, mark=mark & ~mask ^ value)
        case SetConnectionMark() | CopyMark():
            _mark_connection(target, situation)
        case DestinationNat(address, port):
            return _send_to(situation, address, port)
        case Redirect(port):
            return _redirect(situation, port)
        case SourceNat(address, ports, drawn):
            return _send_from(situation, address, ports, drawn)
        case Masquerade(ports, drawn):
            return _masquerade(situation, ports, drawn)
        case Untaught(text):
            raise UntaughtError(text)
    return Effect.GOES_ON


def _mark_connection(target: SetConnectionMark | CopyMark, situation: Situation) -> None:
    """Nothing happens to what has no connection."""
    connection, packet = situation.connection, situation.packet
    if connection is None:
        return
    match target:
        case SetConnectionMark(value, mask):
            _keep(situation, replace(connection, mark=connection.mark & ~mask ^ value))
        case CopyMark(True, into, of):
            mark = (packet.mark or 0) & ~into ^ connection.mark & of
            situation.packet = replace(packet, mark=mark & _EVERY_BIT)
        case CopyMark(False, into, of):
            _keep(situation, replace(connection, mark=connection.mark & ~into ^ (packet.mark or 0) & of))


def _send_to(situation: Situation, address: IPv4Address | None, port: int | None) -> Effect:
    connection = _its_connection(situation)
    return _translate(situation, choose_destination(connection, address, port), End.DESTINATION)


def _redirect(situation: Situation, port: int | None) -> Effect:
    """To this machine itself. What came in by an interface without an address is dropped (``nf_nat_redirect_ipv4``)."""
    passage = situation.passage
    local = passage.hook is Hook.OUTPUT
    address = _LOOPBACK if local else situation.host.first_address(passage.in_interface)
    return Effect.DROPPED if address is None else _send_to(situation, address, port)


def _send_from(situation: Situation, address: IPv4Address | None, ports: range | None, drawn: bool) -> Effect:
    connection = _its_connection(situation)
    chosen = choose_source(connection, situation.connections, address, ports, drawn)
    return _translate(situation, chosen, End.SOURCE)


def _masquerade(situation: Situation, ports: range | None, drawn: bool) -> Effect:
    """Without an address to masquerade by, the packet is dropped (``nf_nat_masquerade_ipv4``)."""
    passage = situation.passage
    address = situation.host.address_towards(passage.out_interface, situation.packet.destination)
    return Effect.DROPPED if address is None else _send_from(situation, address, ports, drawn)


def _its_connection(situation: Situation) -> Connection:
    """The nat table is only asked about packets that have one, so elsewhere these targets aren't to be had."""
    connection = situation.connection
    if connection is None:
        raise UntaughtError("address translation outside of the nat table")
    return connection


def _translate(situation: Situation, chosen: Connection, end: End) -> Effect:
    _keep(situation, chosen)
    assert situation.flow is not None
    situation.packet = translated(situation.packet, chosen, end, situation.flow.reply)
    return Effect.ACCEPTED


def _keep(situation: Situation, connection: Connection) -> None:
    assert situation.flow is not None and situation.flow.key is not None
    situation.connections.update(situation.flow.key, connection)
