"""The same router on paper: just enough of routing and of sockets to walk its netfilter."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, replace
from ipaddress import IPv4Address

from meshnet.netstate import Ruleset
from meshnet.path import Hook, Packet, Verdict
from meshnet.predict.netfilter import Netfilter, Outcome, Passage
from tests.predict.netfilter.by_hand import AT
from tests.predict.netfilter.router import CLIENT, ROUTER, SERVED, SERVER, RulePlace

_CABLES = {"c0": "client", "s0": "server"}


@dataclass(frozen=True)
class Left:
    """What goes out by a cable, and to whom."""

    to: str
    packet: Packet
    quoted: Packet | None = None


class PaperRouter:
    """``counts`` are the hops so far."""

    def __init__(self, rules: Ruleset) -> None:
        self._netfilter = Netfilter(AT, rules, ROUTER)
        self.counts: Counter[RulePlace] = Counter()
        self._left: deque[Left] = deque()

    def take(self, interface: str, packet: Packet) -> list[Left]:
        """What comes of a packet that arrives by a cable."""
        self._arrive(Passage(Hook.PREROUTING, packet, in_interface=interface))
        return self._taken()

    def send(self, packet: Packet) -> list[Left]:
        """What comes of a packet of the router's own."""
        self._send(Passage(Hook.OUTPUT, packet))
        return self._taken()

    def _taken(self) -> list[Left]:
        left = list(self._left)
        self._left.clear()
        return left

    def _count(self, outcome: Outcome) -> Outcome:
        self.counts.update((hop.rule.table, hop.rule.chain, hop.rule.number) for hop in outcome.hops if hop.rule)
        return outcome

    def _pass(self, passage: Passage, finish: bool = False) -> Passage | None:
        """The passage as it comes out, None where it ends; REJECT's answer is sent."""
        outcome = self._count((self._netfilter.finish if finish else self._netfilter.traverse)(passage))
        if outcome.accepted:
            return replace(passage, packet=outcome.packet, flow=outcome.flow, quoted=outcome.quoted)
        last = outcome.hops[-1]
        if last.verdict is Verdict.REFUSED and last.rule:
            refused = replace(passage, packet=outcome.packet, flow=outcome.flow)
            self._refuse(refused, reset="tcp-reset" in last.rule.text)
        return None

    def _arrive(self, passage: Passage) -> None:
        arrived = self._pass(passage)
        if arrived is None:
            return
        if ROUTER.is_local(arrived.packet.destination):
            self._deliver(replace(arrived, hook=Hook.INPUT))
            return
        out = _way_to(arrived.packet.destination)
        forwarded = self._pass(replace(arrived, hook=Hook.FORWARD, out_interface=out))
        if forwarded is not None:
            self._leave(forwarded)

    def _deliver(self, passage: Passage) -> None:
        taken = self._pass(passage)
        taken = taken and self._pass(taken, finish=True)
        if taken is None:
            return
        packet = taken.packet
        if packet.protocol == "udp" and packet.destination_port != SERVED:
            self._refuse(replace(taken, flow=None), reset=False)
        elif packet.protocol == "tcp" and "R" not in packet.kind:
            self._send(Passage(Hook.OUTPUT, _reset(packet)))
        elif packet.kind == "echo-request":
            self._send(Passage(Hook.OUTPUT, replace(_back(packet), kind="echo-reply")))

    def _refuse(self, passage: Passage, reset: bool) -> None:
        packet = passage.packet
        flow = self._netfilter.answer(passage.flow)
        if reset:
            if "R" not in packet.kind:
                self._send(Passage(Hook.OUTPUT, _reset(packet), flow))
        elif packet.kind != "port-unreachable" and not _is_echoed(passage):
            source = packet.destination
            if not ROUTER.is_local(source):
                source = _source_towards(packet.source)
            error = Packet(source, packet.source, "icmp", kind="port-unreachable", mark=0)
            self._send(Passage(Hook.OUTPUT, error, flow, quoted=packet))

    def _send(self, passage: Passage) -> None:
        sent = self._pass(replace(passage, out_interface=_way_to(passage.packet.destination)))
        sent = sent and self._pass(sent, finish=True)
        if sent is not None:
            self._leave(sent)

    def _leave(self, passage: Passage) -> None:
        out = _way_to(passage.packet.destination)
        left = self._pass(replace(passage, hook=Hook.POSTROUTING, in_interface="", out_interface=out))
        if left is None:
            return
        if out == "lo":
            self._arrive(replace(left, hook=Hook.PREROUTING, in_interface="lo", out_interface=""))
        else:
            self._left.append(Left(_CABLES[out], left.packet, left.quoted))


def _is_echoed(passage: Passage) -> bool:
    """The kernel doesn't tell itself that its answer to an echo was refused: it speaks ICMP just then."""
    return passage.hook is Hook.OUTPUT and passage.packet.kind == "echo-reply"


def _way_to(address: IPv4Address) -> str:
    if ROUTER.is_local(address):
        return "lo"
    return "c0" if address == CLIENT else "s0"


def _source_towards(address: IPv4Address) -> IPv4Address:
    """To itself, the router speaks by the address it speaks to."""
    own = ROUTER.first_address(_way_to(address))
    return own or address


def _back(packet: Packet) -> Packet:
    return replace(
        packet,
        source=packet.destination,
        destination=packet.source,
        source_port=packet.destination_port,
        destination_port=packet.source_port,
        mark=0,
    )


def _reset(packet: Packet) -> Packet:
    return replace(_back(packet), kind="R" if "A" in packet.kind else "RA")


def answer_to(packet: Packet) -> Packet | None:
    """What a server would say to it, None where there's nothing to say."""
    kinds = {"S": "SA", "SA": "A", "echo-request": "echo-reply", "": ""}
    kind = kinds.get(packet.kind)
    return None if kind is None else replace(_back(packet), kind=kind)


ENDS = {"client": ("c0", CLIENT), "server": ("s0", SERVER)}
