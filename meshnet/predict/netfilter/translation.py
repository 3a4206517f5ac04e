"""How nat changes a connection's ends, and its packets by them.

A connection is asked about once for each end, by its first packet: where it goes at PREROUTING or OUTPUT, where it
comes from at INPUT or POSTROUTING. What comes later is translated by what was chosen then, and answers the other way
round (nf_nat_core.c). Nothing chosen is a choice too.
"""

from __future__ import annotations

from dataclasses import replace
from enum import Enum
from ipaddress import IPv4Address

from meshnet.path import Hook, Packet
from meshnet.predict.netfilter.connections import Connection, Connections
from meshnet.predict.netfilter.flow import Tuple
from meshnet.predict.netfilter.situation import UntaughtError


class End(Enum):
    SOURCE = "source"
    DESTINATION = "destination"


END_AT = {
    Hook.PREROUTING: End.DESTINATION,
    Hook.OUTPUT: End.DESTINATION,
    Hook.INPUT: End.SOURCE,
    Hook.POSTROUTING: End.SOURCE,
}


def is_chosen(connection: Connection, end: End) -> bool:
    return connection.source_chosen if end is End.SOURCE else connection.destination_chosen


def _is_translated(connection: Connection, end: End, reply: bool) -> bool:
    """An answer's source is the destination there was."""
    by_source = (end is End.SOURCE) != reply
    return connection.source_translated if by_source else connection.destination_translated


def choose_destination(connection: Connection, address: IPv4Address | None, port: int | None) -> Connection:
    """None is as it is. An echo has an identifier, which isn't anybody's port."""
    now = connection.reply.mirrored
    keeps_port = port is None or now.kind
    new = replace(
        now,
        destination=address or now.destination,
        destination_port=now.destination_port if keeps_port else port,
    )
    translated = connection.destination_translated or new != now
    return replace(connection, reply=new.mirrored, destination_chosen=True, destination_translated=translated)


def choose_source(
    connection: Connection,
    connections: Connections,
    address: IPv4Address | None = None,
    ports: range | None = None,
    drawn: bool = False,
) -> Connection:
    """The source port stays if it may be and what goes back can then be told from others' answers. Otherwise the kernel
    draws one, which isn't known: None. Raises ``UntaughtError`` where a rule leaves it no choice but one that is taken:
    it would drop the packet in the end, at no rule."""
    now = connection.reply.mirrored
    new = replace(now, source=address or now.source)
    if ports is not None and len(ports) == 1 and not now.kind:
        new = replace(new, source_port=ports[0])
        if connections.is_taken(new):
            raise UntaughtError(f"source port {ports[0]}, which another connection has")
    elif drawn or (ports is not None and new.source_port not in ports):
        new = _with_port_drawn(new)
    else:
        new = _told_apart(new, now, connections)
    translated = connection.source_translated or new != now
    return replace(connection, reply=new.mirrored, source_chosen=True, source_translated=translated)


def _told_apart(new: Tuple, now: Tuple, connections: Connections) -> Tuple:
    """What else the same socket has sent by the same address counts first, so that it keeps one port for all."""
    if new.source != now.source:
        for other in connections.source_of(now):
            again = replace(new, source_port=other.source_port)
            if other.source == new.source and not connections.is_taken(again):
                return again
    return _with_port_drawn(new) if connections.is_taken(new) else new


def _with_port_drawn(tuple_: Tuple) -> Tuple:
    return replace(tuple_, source_port=None, destination_port=None if tuple_.kind else tuple_.destination_port)


def translated(packet: Packet, connection: Connection, end: End, reply: bool) -> Packet:
    """``packet`` with that end as its connection has it from here on."""
    if not _is_translated(connection, end, reply):
        return packet
    goal = (connection.original if reply else connection.reply).mirrored
    return _with_source(packet, goal) if end is End.SOURCE else _with_destination(packet, goal)


def translated_error(
    error: Packet, quoted: Packet, connection: Connection, end: End, reply: bool
) -> tuple[Packet, Packet]:
    """An ICMP error, and the packet it quotes, which went the other way (``nf_nat_icmp_reply_translation``)."""
    if not _is_translated(connection, end, reply):
        return error, quoted
    goal = connection.original if reply else connection.reply
    if end is End.DESTINATION:
        return replace(error, destination=goal.source), _with_source(quoted, goal)
    return replace(error, source=goal.destination), _with_destination(quoted, goal)


def _with_source(packet: Packet, goal: Tuple) -> Packet:
    """An echo's identifier is at both ends."""
    other = goal.destination_port if goal.kind else packet.destination_port
    return replace(packet, source=goal.source, source_port=goal.source_port, destination_port=other)


def _with_destination(packet: Packet, goal: Tuple) -> Packet:
    other = goal.source_port if goal.kind else packet.source_port
    return replace(packet, destination=goal.destination, destination_port=goal.destination_port, source_port=other)
