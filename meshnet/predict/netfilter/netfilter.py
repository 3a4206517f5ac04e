"""One namespace's tables and connections, hook by hook.

IPVS has hooks of its own, in the middle of two: at INPUT between filter and nat, at OUTPUT between nat and filter
(priorities NF_IP_PRI_NAT_SRC - 1 and NF_IP_PRI_NAT_DST + 2). A packet that it takes there never sees the rest: it
starts over at OUTPUT, with ``balanced`` set. So these two come in two halves::

    traverse(PREROUTING) ─┬─ traverse(INPUT) ── IPVS? ── finish(INPUT) ── socket
                          └─ traverse(FORWARD) ── IPVS turns answers back ── traverse(POSTROUTING)
    socket, or IPVS ── traverse(OUTPUT) ── IPVS? ── finish(OUTPUT) ── traverse(POSTROUTING)

Without IPVS, ``finish`` follows ``traverse`` at once. That IPVS comes before INPUT's nat is what lets POSTROUTING's
SNAT have its say: both choose a source, and a connection has that chosen once only.

A connection is tracked here in every namespace, whereas the kernel has its hooks only where a rule or IPVS asks for
them. Nothing shows the difference: without such rules nothing looks at a connection's state, and nothing translates.
"""

from __future__ import annotations

from dataclasses import replace
from enum import Enum, auto
from ipaddress import IPv4Address
from typing import TypeAlias

from meshnet.errors import NotTaughtError
from meshnet.netstate import NamespaceRef, Ruleset
from meshnet.path import Hook, Hop
from meshnet.predict.netfilter.chains import Chains
from meshnet.predict.netfilter.connections import Connection, Connections
from meshnet.predict.netfilter.flow import INVALID, UNTRACKED, Flow, FlowState
from meshnet.predict.netfilter.local_host import LocalHost
from meshnet.predict.netfilter.passage import Outcome, Passage
from meshnet.predict.netfilter.situation import Situation
from meshnet.predict.netfilter.table_walk import TableWalk
from meshnet.predict.netfilter.translation import (
    END_AT,
    End,
    choose_destination,
    choose_source,
    is_chosen,
    translated,
    translated_error,
)


class _Step(Enum):
    """What a hook does besides walking through tables."""

    TRACK = auto()
    NAT = auto()
    CONFIRM = auto()


_Steps: TypeAlias = tuple[str | _Step, ...]

_STEPS: dict[Hook, _Steps] = {
    Hook.PREROUTING: ("raw", _Step.TRACK, "mangle", _Step.NAT),
    Hook.INPUT: ("mangle", "filter"),
    Hook.FORWARD: ("mangle", "filter"),
    Hook.OUTPUT: ("raw", _Step.TRACK, "mangle", _Step.NAT),
    Hook.POSTROUTING: ("mangle", _Step.NAT, _Step.CONFIRM),
}
"""By the hooks' priorities (linux/netfilter_ipv4.h): raw -300, conntrack -200, mangle -150, nat -100 where it chooses
destinations, filter 0, nat 100 where it chooses sources; confirming comes last."""

_AFTER_IPVS: dict[Hook, _Steps] = {Hook.INPUT: (_Step.NAT, _Step.CONFIRM), Hook.OUTPUT: ("filter",)}


class Netfilter:
    """Rules as they stand, and the connections that packets have made on their way; ``copy`` before a fork."""

    def __init__(self, at: NamespaceRef, rules: Ruleset, host: LocalHost) -> None:
        self._at, self._host = at, host
        self._chains = Chains(at, rules)
        self._connections = Connections()

    def copy(self) -> Netfilter:
        """The same rules, and connections that go their own way from here."""
        other = object.__new__(Netfilter)
        other._at, other._host, other._chains = self._at, self._host, self._chains
        other._connections = self._connections.copy()
        return other

    def traverse(self, passage: Passage) -> Outcome:
        """The tables of a hook, in the kernel's order; of INPUT and OUTPUT, those before IPVS.

        Raises ``NotTaughtError`` where it depends on a rule that holds what isn't known here."""
        return self._take(passage, _STEPS[passage.hook])

    def finish(self, passage: Passage) -> Outcome:
        """The rest of INPUT (nat) and of OUTPUT (filter), for what IPVS has left alone. Where OUTPUT's nat has given
        the packet another way, ``out_interface`` is the old one until POSTROUTING, as in the kernel: a hook's
        interfaces are those of its beginning."""
        return self._take(passage, _AFTER_IPVS[passage.hook])

    def redirect(self, flow: Flow, address: IPv4Address, port: int | None) -> None:
        """IPVS sent the connection's first packet to a real server, so answers come from there. ``port`` None stays.

        Only what is expected back changes, and the connection doesn't count as translated
        (``ip_vs_update_conntrack``): conntrack gives answers the destination that a rule's SNAT took from them, but
        their source is turned back by IPVS alone. An echo keeps its identifier."""
        if flow.key is None or flow.reply:
            return
        connection = self._connections[flow.key]
        if connection.confirmed:
            return
        reply = connection.reply
        source_port = reply.source_port if port is None or reply.kind else port
        reply = replace(reply, source=address, source_port=source_port)
        self._connections.update(flow.key, replace(connection, reply=reply))

    def turn_back(self, flow: Flow, address: IPv4Address, port: int | None) -> None:
        """IPVS gave a real server's answer the address that was asked for its source. Where conntrack takes that answer
        for a connection's beginning, what goes back for it is expected to go there (``ip_vs_update_conntrack``).

        Raises ``NotTaughtError`` where that is another connection's already: nat then draws another source port for the
        answer, and whoever asked doesn't know it for one."""
        if flow.key is None or flow.reply or self._connections[flow.key].confirmed:
            return
        connection = self._connections[flow.key]
        reply = replace(connection.reply, destination=address, destination_port=port)
        if self._connections.is_taken(reply.mirrored):
            raise NotTaughtError(f"predict wasn't taught an answer that is the mirror of what it answers ({self._at})")
        self._connections.update(flow.key, replace(connection, reply=reply))

    def untrack(self) -> Flow:
        """What a packet's flow is once IPVS without ``vs.conntrack`` has had it: it's tracked no more here, and the
        connection it was about to begin isn't either."""
        return UNTRACKED

    def answer(self, flow: Flow | None) -> Flow | None:
        """The flow with which IP's own answer to a packet of ``flow`` comes to OUTPUT: an ICMP error of a router, or
        what REJECT sends (``nf_conntrack_attach``). A closed port's answers, UDP's error and TCP's reset, aren't among
        them: there the packet has left netfilter behind, so they come with None."""
        if flow is None or flow.key is None:
            return None
        return Flow(flow.key, FlowState.RELATED, not flow.reply)

    def _take(self, passage: Passage, steps: _Steps) -> Outcome:
        at = Situation(passage, self._host, self._connections, passage.packet, passage.flow, passage.quoted)
        hops: list[Hop] = []
        walk = TableWalk(self._at, self._chains, at, hops)
        accepted = all(self._step(step, at, walk) for step in steps)
        return Outcome(at.packet, at.flow, tuple(hops), accepted, at.quoted)

    def _step(self, step: str | _Step, at: Situation, walk: TableWalk) -> bool:
        match step:
            case _Step.TRACK:
                self._track(at)
            case _Step.NAT:
                return self._translate(at, walk)
            case _Step.CONFIRM:
                self._connections.confirm(at.flow)
            case table:
                return walk.run(table, at.passage.hook.name)
        return True

    def _track(self, at: Situation) -> None:
        """What has a flow keeps it: what comes back by ``lo``, what IPVS sends on, answers that the kernel attached to
        what they answer. What was invalid is looked at anew."""
        if at.flow in (None, INVALID):
            at.flow = self._connections.track(at.packet, at.quoted)

    def _translate(self, at: Situation, walk: TableWalk) -> bool:
        connection, flow, end = at.connection, at.flow, END_AT[at.passage.hook]
        if connection is None or flow is None:
            return True
        if flow.state is FlowState.RELATED and at.packet.protocol == "icmp":
            if at.quoted is not None:
                at.packet, at.quoted = translated_error(at.packet, at.quoted, connection, end, flow.reply)
            return True
        if flow.state is not FlowState.ESTABLISHED and not is_chosen(connection, end):
            if not walk.run("nat", at.passage.hook.name):
                return False
            connection = self._chosen(flow, end)
        at.packet = translated(at.packet, connection, end, flow.reply)
        return True

    def _chosen(self, flow: Flow, end: End) -> Connection:
        """The connection once nat was asked: where no rule chose, the end stays as it is, but for a source port that
        would make answers ambiguous."""
        assert flow.key is not None
        connection = self._connections[flow.key]
        if is_chosen(connection, end):
            return connection
        if end is End.DESTINATION:
            connection = choose_destination(connection, None, None)
        else:
            connection = choose_source(connection, self._connections)
        self._connections.update(flow.key, connection)
        return connection
