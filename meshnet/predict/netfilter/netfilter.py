"""One namespace's tables and connections, hook by hook.

IPVS has hooks of its own, in the middle of two: at INPUT between filter and nat, at OUTPUT between nat and filter
(priorities NF_IP_PRI_NAT_SRC - 1 and NF_IP_PRI_NAT_DST + 2). A packet that it takes there never sees the rest: it starts
over at OUTPUT, with ``balanced`` set. So these two come in two halves::

    traverse(PREROUTING) ─┬─ traverse(INPUT) ── IPVS? ── finish(INPUT) ── socket
                          └─ traverse(FORWARD) ── IPVS turns answers back ── traverse(POSTROUTING)
    socket, or IPVS ── traverse(OUTPUT) ── IPVS? ── finish(OUTPUT) ── traverse(POSTROUTING)

Without IPVS, ``finish`` follows ``traverse`` at once. That IPVS comes before INPUT's nat is what lets POSTROUTING's SNAT
have its say: both choose a source, and a connection has that chosen once only.
"""

from __future__ import annotations

from ipaddress import IPv4Address

from meshnet.netstate import NamespaceRef, Ruleset
from meshnet.predict.netfilter.flow import Flow
from meshnet.predict.netfilter.local_host import LocalHost
from meshnet.predict.netfilter.passage import Outcome, Passage


class Netfilter:
    """Rules as they stand, and the connections that packets have made on their way; ``copy`` before a fork."""

    def __init__(self, at: NamespaceRef, rules: Ruleset, host: LocalHost) -> None:
        raise NotImplementedError

    def copy(self) -> Netfilter:
        """The same rules, and connections that go their own way from here."""
        raise NotImplementedError

    def traverse(self, passage: Passage) -> Outcome:
        """The tables of a hook, in the kernel's order; of INPUT and OUTPUT, those before IPVS.

        Raises ``NotTaughtError`` where it depends on a rule that holds what isn't known here."""
        raise NotImplementedError

    def finish(self, passage: Passage) -> Outcome:
        """The rest of INPUT (nat) and of OUTPUT (filter), for what IPVS has left alone."""
        raise NotImplementedError

    def redirect(self, flow: Flow, address: IPv4Address, port: int | None) -> None:
        """IPVS sent the connection's first packet to a real server, so its answers come from there."""
        raise NotImplementedError

    def untrack(self) -> Flow:
        """What a packet's flow is once IPVS without ``vs.conntrack`` has had it: it's tracked no more here."""
        raise NotImplementedError

    def answer(self, flow: Flow | None) -> Flow | None:
        """The flow of what the kernel answers a packet of ``flow`` with, by itself: an ICMP error, or REJECT's TCP
        reset; it comes to OUTPUT with that. A closed port's TCP reset isn't among them: it has None."""
        raise NotImplementedError
