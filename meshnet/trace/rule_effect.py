"""What a rule made of a packet, by the next thing that was seen of it.

TRACE shows packets as they come to a rule. What the rule did shows in the next sighting or hit in the same namespace;
where nothing more was seen, its own words have to do.
"""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

from meshnet.netstate import Rule
from meshnet.path import Packet, Verdict

_DESTINATION = ("DNAT", "REDIRECT")
_SOURCE = ("SNAT", "MASQUERADE")
_VERDICTS = {"DROP": Verdict.DROPPED, "REJECT": Verdict.REFUSED}


def target_of(rule: Rule) -> str:
    """What follows its ``-j`` or ``-g``; empty for a rule that only counts."""
    words = rule.words
    return next((words[at + 1] for at, word in enumerate(words[:-1]) if word in ("-j", "-g")), "")


def verdict_of(rule: Rule) -> Verdict:
    return _VERDICTS.get(target_of(rule), Verdict.PASSES)


def after(rule: Rule, packet: Packet, following: Packet | None, own: IPv4Address | None = None) -> Packet:
    """``packet`` once ``rule`` has had it; ``following`` is the next that was seen of it in the namespace, ``own`` the
    address there of the interface it leaves by."""
    target = target_of(rule)
    if target in _DESTINATION:
        seen = following or _by_its_words(rule, packet)
        return replace(packet, destination=seen.destination, destination_port=seen.destination_port)
    if target in _SOURCE:
        seen = following or replace(packet, source=_given_source(rule) or own or packet.source)
        return replace(packet, source=seen.source, source_port=seen.source_port)
    if target == "MARK":
        return replace(packet, mark=_marked(rule, packet.mark or 0))
    return packet


def _by_its_words(rule: Rule, packet: Packet) -> Packet:
    """Where ``DNAT --to-destination`` and ``REDIRECT --to-ports`` send it, as far as they say so plainly."""
    words = rule.words
    if "--to-destination" in words:
        address, _, port = words[words.index("--to-destination") + 1].partition(":")
        return replace(
            packet,
            destination=IPv4Address(address),
            destination_port=int(port) if port else packet.destination_port,
        )
    if "--to-ports" in words:
        return replace(packet, destination_port=int(words[words.index("--to-ports") + 1]))
    return packet


def _given_source(rule: Rule) -> IPv4Address | None:
    """The address that ``SNAT --to-source`` says."""
    words = rule.words
    return IPv4Address(words[words.index("--to-source") + 1].partition(":")[0]) if "--to-source" in words else None


def _marked(rule: Rule, mark: int) -> int:
    """iptables saves every way of marking as ``--set-xmark VALUE/MASK``: MASK's bits go, then VALUE's are flipped."""
    value, _, mask = rule.words[rule.words.index("--set-xmark") + 1].partition("/")
    return mark & ~int(mask or "0xffffffff", 0) ^ int(value, 0)
