"""From events in order to hops: each with what it made of the packet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from ipaddress import IPv4Address

from meshnet.netstate import NetState, Rule
from meshnet.netstate.ruleset import BUILTIN_CHAINS
from meshnet.netstate.world import World
from meshnet.path import Cause, Hook, Hop, Packet, RuleRef, Stage, Verdict, Why
from meshnet.trace import rule_effect
from meshnet.trace.event import Event
from meshnet.trace.seen import Hit, Sighting

_NOTHING = NetState()


def narrate(world: World, events: Sequence[Event]) -> Iterator[Hop]:
    """The hops between the socket that sent the packet and where it ended."""
    for number, event in enumerate(events):
        here = _neighbours(events, number)
        state = world.states.get(event.at, _NOTHING)
        if here.before is not None and _was_balanced(state, here.before, event):
            yield Hop(event.at, Stage.IPVS, _as_seen_inside(event, here.before))
        if isinstance(event.seen, Sighting):
            stage = Stage.OUT if event.seen.direction.out else Stage.IN
            yield Hop(event.at, stage, event.packet, event.seen.interface, time=event.seen.time)
        else:
            hop = _rule_hop(state, event, event.seen, here.after)
            if hop is not None:
                yield hop


class _Neighbours:
    """What was seen of the same packet in the same namespace, before and after."""

    def __init__(self, before: Event | None, after: Event | None) -> None:
        self.before, self.after = before, after


def _neighbours(events: Sequence[Event], number: int) -> _Neighbours:
    event = events[number]

    def alike(other: Event) -> bool:
        return other.at == event.at and other.carried == event.carried

    before = next((events[at] for at in range(number - 1, -1, -1) if alike(events[at])), None)
    after = next((events[at] for at in range(number + 1, len(events)) if alike(events[at])), None)
    return _Neighbours(before, after)


def _was_balanced(state: NetState, before: Event, event: Event) -> bool:
    """Whether IPVS had the packet between the two: it alone sends what has come in, or has been sent, out anew; it
    alone, where no rule did, has a packet for another go on to a real server of this very namespace; and it gives a
    real server's answer the address that was asked."""
    if event.carried or not state.ipvs:
        return False
    seen = event.seen
    if isinstance(seen, Hit) and seen.hook is Hook.OUTPUT and seen.table == "raw":
        return before.packet.destination != event.packet.destination
    leaves = seen.hook is Hook.POSTROUTING if isinstance(seen, Hit) else seen.direction.out
    translated = isinstance(before.seen, Hit) and before.seen.hook is Hook.POSTROUTING
    if not leaves or translated:
        return False
    was, now, servers = _left(state, before), event.packet, servers_of(state)
    to_itself = was.destination != now.destination and now.destination in servers
    return to_itself or (was.source != now.source and was.source in servers)


def servers_of(state: NetState) -> set[IPv4Address]:
    """All real servers of a namespace's IPVS."""
    return {each.address for service in state.ipvs.values() for each in service.destinations}


def _as_seen_inside(event: Event, before: Event) -> Packet:
    mark = event.packet.mark if event.packet.mark is not None else before.packet.mark
    return replace(event.packet.unframed, mark=mark or 0)


def _rule_hop(state: NetState, event: Event, hit: Hit, following: Event | None) -> Hop | None:
    """None for what decides nothing: the end of a user's chain, a policy that accepts."""
    chain = state.rules.chain(hit.table, hit.chain)
    if hit.number > len(chain.rules):
        builtin = hit.chain in BUILTIN_CHAINS.get(hit.table, ())
        if not builtin or chain.policy != "DROP" or following is not None:
            return None
        policy = RuleRef(hit.table, hit.chain, 0, "DROP")
        return _hop(event, hit, policy, event.packet, Verdict.DROPPED, Why.POLICY)
    rule = chain.rules[hit.number - 1]
    reference = RuleRef(hit.table, hit.chain, hit.number, str(rule))
    packet = _after(state, rule, event, following)
    return _hop(event, hit, reference, packet, rule_effect.verdict_of(rule), Why.RULE)


def _after(state: NetState, rule: Rule, event: Event, following: Event | None) -> Packet:
    assert isinstance(event.seen, Hit)
    own = _own_address(state, event.seen.out_interface, event.packet.destination)
    return rule_effect.after(rule, event.packet, following.packet if following else None, own)


def _own_address(state: NetState, link: str, destination: IPv4Address) -> IPv4Address | None:
    there = [each.interface for each in state.addresses if each.link == link]
    near = [each for each in there if destination in each.network]
    return next((each.ip for each in (*near, *there)), None)


def _hop(event: Event, hit: Hit, rule: RuleRef, packet: Packet, verdict: Verdict, why: Why) -> Hop:
    cause = Cause(why, rule.text)
    return Hop(event.at, Stage.RULE, packet, hit.in_interface, rule, verdict, cause, hit.time)


def last_packet(world: World, events: Sequence[Event]) -> Packet:
    """What the packet was after the last that was seen of it, as a socket would see it: without MACs, with a mark."""
    event = events[-1]
    packet = _left(world.states.get(event.at, _NOTHING), event)
    return replace(packet.unframed, mark=packet.mark or 0)


def _left(state: NetState, event: Event) -> Packet:
    """The packet after an event: of a hit what the rule made of it, going by its words."""
    if isinstance(event.seen, Hit):
        chain = state.rules.chain(event.seen.table, event.seen.chain)
        if event.seen.number <= len(chain.rules):
            return _after(state, chain.rules[event.seen.number - 1], event, None)
    return event.packet
