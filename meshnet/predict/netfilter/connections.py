"""The connections of one namespace: conntrack's table."""

from __future__ import annotations

from dataclasses import dataclass, replace

from meshnet.path import Packet
from meshnet.predict.netfilter.flow import INVALID, Flow, FlowState, Tuple
from meshnet.predict.netfilter.icmp_type import is_error, is_request


@dataclass(frozen=True, slots=True)
class Connection:
    """``original`` is its first packet as it came, ``reply`` what is expected to answer it: where the two aren't each
    other's mirror, somebody translates. Of each end, ``..._chosen`` says that nat has been asked for it, which happens
    once, ``..._translated`` that nat changed it. ``mark`` is CONNMARK's."""

    original: Tuple
    reply: Tuple
    answered: bool = False
    confirmed: bool = False
    source_chosen: bool = False
    source_translated: bool = False
    destination_chosen: bool = False
    destination_translated: bool = False
    mark: int = 0


def tuple_of(packet: Packet) -> Tuple:
    kind = packet.kind if packet.protocol == "icmp" else ""
    return Tuple(packet.protocol, packet.source, packet.source_port, packet.destination, packet.destination_port, kind)


class Connections:
    """Those under way too, whose first packet may yet be dropped: none is found by another packet before it is
    confirmed, which is when its first packet leaves the namespace or reaches a socket."""

    def __init__(self) -> None:
        self._all: dict[int, Connection] = {}
        self._confirmed: dict[Tuple, int] = {}

    def __getitem__(self, key: int) -> Connection:
        return self._all[key]

    def copy(self) -> Connections:
        other = Connections()
        other._all, other._confirmed = dict(self._all), dict(self._confirmed)
        return other

    def track(self, packet: Packet, quoted: Packet | None) -> Flow:
        """The connection that ``packet`` belongs to, or a new one."""
        if packet.protocol == "icmp" and is_error(packet.kind):
            return self._related(packet, quoted)
        tuple_ = tuple_of(packet)
        key = self._confirmed.get(tuple_)
        return self._begin(packet, tuple_) if key is None else self._go_on(key, packet, tuple_)

    def _related(self, error: Packet, quoted: Packet | None) -> Flow:
        """An error belongs to the connection of the packet it quotes, goes the other way, and to where that way leads
        (``nf_conntrack_inet_error``)."""
        back = tuple_of(quoted).mirrored if quoted else None
        key = self._confirmed.get(back) if back else None
        if key is None or back is None or error.destination != back.destination:
            return INVALID
        return Flow(key, FlowState.RELATED, back == self._all[key].reply)

    def _begin(self, packet: Packet, original: Tuple) -> Flow:
        if not _may_begin(packet):
            return INVALID
        key = len(self._all)
        self._all[key] = Connection(original, original.mirrored)
        return Flow(key, FlowState.NEW)

    def _go_on(self, key: int, packet: Packet, tuple_: Tuple) -> Flow:
        connection = self._all[key]
        if tuple_ == connection.original:
            return Flow(key, FlowState.ESTABLISHED if connection.answered else FlowState.NEW)
        if not connection.answered:
            if packet.protocol == "tcp" and "R" in packet.kind:
                self._forget(connection)
            self._all[key] = replace(connection, answered=True)
        return Flow(key, FlowState.ESTABLISHED, reply=True)

    def _forget(self, connection: Connection) -> None:
        """A connection that is reset before it was established goes at once (``tcp_packet`` of nf_conntrack_proto_tcp);
        the reset itself is still translated by it."""
        del self._confirmed[connection.original]
        del self._confirmed[connection.reply]

    def update(self, key: int, connection: Connection) -> None:
        """Anything of it may change until it is confirmed, and its tuples may not afterwards."""
        self._all[key] = connection

    def confirm(self, flow: Flow | None) -> None:
        """The packet has come through its namespace: from now on others of its connection are recognised."""
        if flow is None or flow.key is None or flow.reply or self._all[flow.key].confirmed:
            return
        connection = self._all[flow.key] = replace(self._all[flow.key], confirmed=True)
        self._confirmed[connection.original] = self._confirmed[connection.reply] = flow.key

    def is_taken(self, tuple_: Tuple) -> bool:
        """Whether what goes back for ``tuple_`` would be taken for another connection's."""
        return tuple_.mirrored in self._confirmed

    def source_of(self, tuple_: Tuple) -> list[Tuple]:
        """How what comes from the same socket as ``tuple_`` leaves here so far."""
        own = (tuple_.protocol, tuple_.source, tuple_.source_port)
        return [
            each.reply.mirrored
            for each in self._all.values()
            if each.source_chosen and (each.original.protocol, each.original.source, each.original.source_port) == own
        ]


def _may_begin(packet: Packet) -> bool:
    """What belongs to no connection and can't begin one is invalid. Conntrack picks TCP up in its middle, too
    (``nf_conntrack_tcp_loose``), by a segment that only acknowledges."""
    if packet.protocol == "icmp":
        return is_request(packet.kind)
    if packet.protocol != "tcp":
        return True
    flags = set(packet.kind)
    if "R" in flags or "F" in flags:
        return False
    return ("S" in flags and "A" not in flags) or ("A" in flags and "S" not in flags)
