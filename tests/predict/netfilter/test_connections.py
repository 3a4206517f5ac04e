"""What conntrack makes of packets: new, established, related, invalid, untracked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from meshnet.path import Hook, Hop
from meshnet.predict.netfilter import Flow, FlowState, Netfilter, Outcome, Passage
from tests.predict.netfilter.by_hand import matched, netfilter, packet

SYN = packet("tcp 10.0.0.9:40000 > 10.1.0.1:80 S")
SYN_ACK = packet("tcp 10.1.0.1:80 > 10.0.0.9:40000 SA")
RESET = packet("tcp 10.1.0.1:80 > 10.0.0.9:40000 RA")
PING = packet("icmp 10.0.0.9:7 > 10.1.0.1 echo-request")
PONG = packet("icmp 10.1.0.1:7 > 10.0.0.9 echo-reply")
UNREACHABLE = packet("icmp 10.1.0.1 > 10.0.0.9 port-unreachable")


def forward(walker: Netfilter, passage: Passage) -> Outcome:
    """Through a router, as far as it gets, with all the rules it meets on the way."""
    hops: tuple[Hop, ...] = ()
    for hook in (Hook.PREROUTING, Hook.FORWARD, Hook.POSTROUTING):
        outcome = walker.traverse(replace(passage, hook=hook))
        hops += outcome.hops
        if not outcome.accepted:
            break
        passage = replace(passage, packet=outcome.packet, flow=outcome.flow, quoted=outcome.quoted)
    return replace(outcome, hops=hops)


def states(*packets: str) -> list[FlowState]:
    """Those of some packets that a router forwards one after the other."""
    walker, found = netfilter(), []
    for text in packets:
        flow = forward(walker, Passage(Hook.PREROUTING, packet(text))).flow
        assert flow is not None
        found.append(flow.state)
    return found


def test_a_connection_is_established_by_its_answer() -> None:
    new, established = FlowState.NEW, FlowState.ESTABLISHED
    assert states(str(SYN), str(SYN), str(SYN_ACK), str(SYN)) == [new, new, established, established]
    assert states(str(PING), str(PONG), str(PING)) == [new, established, established]
    assert states("udp 10.0.0.9:5 > 10.1.0.1:53", "udp 10.1.0.1:53 > 10.0.0.9:5") == [new, established]
    assert states("sctp 10.0.0.9:5 > 10.1.0.1:53", "sctp 10.1.0.1:53 > 10.0.0.9:5") == [new, established]


def test_an_echo_of_the_same_identifier_the_other_way_is_another_connection() -> None:
    assert states(str(PING), "icmp 10.1.0.1:7 > 10.0.0.9 echo-request") == [FlowState.NEW, FlowState.NEW]


@pytest.mark.parametrize(
    "text",
    [
        "tcp 10.0.0.9:4 > 10.1.0.1:80 SA",
        "tcp 10.0.0.9:4 > 10.1.0.1:80 RA",
        "tcp 10.0.0.9:4 > 10.1.0.1:80 FA",
        "icmp 10.0.0.9:4 > 10.1.0.1 echo-reply",
        "icmp 10.0.0.9 > 10.1.0.1 port-unreachable",
    ],
)
def test_what_cannot_begin_a_connection_is_invalid(text: str) -> None:
    assert states(text) == [FlowState.INVALID]


def test_a_connection_is_picked_up_in_its_middle() -> None:
    assert states("tcp 10.0.0.9:4 > 10.1.0.1:80 A") == [FlowState.NEW]


def test_a_reset_answer_ends_the_connection() -> None:
    assert states(str(SYN), str(RESET), str(RESET)) == [FlowState.NEW, FlowState.ESTABLISHED, FlowState.INVALID]


def test_a_dropped_packet_leaves_no_connection() -> None:
    walker = netfilter(filter="-A FORWARD -m conntrack --ctstate NEW -j DROP")
    assert not forward(walker, Passage(Hook.PREROUTING, SYN)).accepted
    answer = forward(walker, Passage(Hook.PREROUTING, SYN_ACK))
    assert answer.flow is not None
    assert answer.flow.state is FlowState.INVALID


def test_what_is_not_tracked_meets_no_nat() -> None:
    walker = netfilter(
        raw="-A PREROUTING -p tcp -j CT --notrack",
        mangle="-A PREROUTING -m conntrack --ctstate UNTRACKED",
        nat="-A PREROUTING -j REDIRECT --to-ports 81",
    )
    outcome = walker.traverse(Passage(Hook.PREROUTING, SYN, in_interface="eth0"))
    assert [str(hop.rule) for hop in outcome.hops] == ["raw PREROUTING 1", "mangle PREROUTING 1"]
    assert outcome.packet == SYN


def test_an_error_is_related_to_what_it_quotes() -> None:
    walker = netfilter()
    sent = forward(walker, Passage(Hook.PREROUTING, SYN))
    error = forward(walker, Passage(Hook.PREROUTING, UNREACHABLE, quoted=SYN))
    assert sent.flow is not None
    assert error.flow == Flow(sent.flow.key, FlowState.RELATED, reply=True)


def test_an_error_to_somebody_else_than_it_quotes_is_invalid() -> None:
    walker = netfilter()
    forward(walker, Passage(Hook.PREROUTING, SYN))
    stray = packet("icmp 10.1.0.1 > 10.0.0.8 port-unreachable")
    error = forward(walker, Passage(Hook.PREROUTING, stray, quoted=SYN))
    assert error.flow is not None
    assert error.flow.state is FlowState.INVALID


def test_a_flow_that_lo_brings_back_stays() -> None:
    walker = netfilter()
    sent = walker.traverse(Passage(Hook.OUTPUT, SYN, out_interface="lo"))
    sent = walker.traverse(Passage(Hook.POSTROUTING, SYN, sent.flow, out_interface="lo"))
    assert walker.traverse(Passage(Hook.PREROUTING, SYN, sent.flow, in_interface="lo")).flow == sent.flow


def test_what_lo_brings_back_invalid_may_still_go_untracked() -> None:
    walker = netfilter(raw="-A PREROUTING -j NOTRACK", mangle="-A PREROUTING -m state --state UNTRACKED")
    sent = walker.traverse(Passage(Hook.OUTPUT, SYN_ACK, out_interface="lo"))
    back = walker.traverse(Passage(Hook.PREROUTING, SYN_ACK, sent.flow, in_interface="lo"))
    assert matched(back.hops) == ["raw PREROUTING 1", "mangle PREROUTING 1"]


@pytest.mark.parametrize("end", ["DNAT", "SNAT"])
def test_a_state_tells_what_was_translated(end: str) -> None:
    nat = {
        "DNAT": "-A PREROUTING -j DNAT --to-destination 10.1.0.2",
        "SNAT": "-A POSTROUTING -j SNAT --to-source 10.1.0.2",
    }
    walker = netfilter(
        nat=nat[end], filter="-A FORWARD -m conntrack --ctstate DNAT\n-A FORWARD -m conntrack --ctstate SNAT"
    )
    forward(walker, Passage(Hook.PREROUTING, SYN))
    found = forward(walker, Passage(Hook.PREROUTING, SYN))
    assert matched(found.hops) == [f"filter FORWARD {1 if end == 'DNAT' else 2}"]


def test_the_kernels_own_answer_is_related() -> None:
    walker = netfilter()
    arrived = walker.traverse(Passage(Hook.PREROUTING, SYN))
    assert arrived.flow is not None
    assert walker.answer(arrived.flow) == Flow(arrived.flow.key, FlowState.RELATED, reply=True)
    assert walker.answer(None) is None
    assert walker.answer(walker.untrack()) is None


def test_a_copy_goes_its_own_way() -> None:
    walker = netfilter(mangle="-A PREROUTING -m conntrack --ctstate ESTABLISHED")
    forward(walker, Passage(Hook.PREROUTING, SYN))
    other = walker.copy()
    assert len(forward(other, Passage(Hook.PREROUTING, SYN_ACK)).hops) == 1
    assert not forward(walker, Passage(Hook.PREROUTING, SYN)).hops
    assert len(forward(other, Passage(Hook.PREROUTING, SYN)).hops) == 1


def test_a_connections_mark_is_kept_and_given_back() -> None:
    walker = netfilter(
        mangle="""
            -A PREROUTING -m connmark --mark 0x2/0x2 -j CONNMARK --restore-mark --nfmask 0xff --ctmask 0x2
            -A FORWARD -m mark --mark 0x3 -j CONNMARK --save-mark
            -A POSTROUTING -m connmark --mark 0x3 -j CONNMARK --set-xmark 0x4/0x1
        """
    )
    forward(walker, Passage(Hook.PREROUTING, replace(SYN, mark=3)))
    assert forward(walker, Passage(Hook.PREROUTING, SYN_ACK)).packet.mark == 2
