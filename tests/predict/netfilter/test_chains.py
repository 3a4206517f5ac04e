"""The way through a table's chains, and what its hops say."""

from __future__ import annotations

import pytest

from meshnet.netstate import NamespaceRef
from meshnet.path import Hook, RuleRef, Stage, Verdict, Why
from meshnet.predict.netfilter import Netfilter, Passage
from tests.predict.netfilter.by_hand import AT, NODE, matched, netfilter, packet, rules

SYN = packet("tcp 10.0.0.9:40000 > 192.168.0.2:80 S")
FORWARDED = Passage(Hook.FORWARD, SYN, in_interface="eth0", out_interface="docker_gwbridge")


def through(text: str) -> tuple[list[str], bool]:
    """The rules of filter that matched, and whether the packet came through."""
    outcome = netfilter(filter=text).traverse(FORWARDED)
    return [each.removeprefix("filter ") for each in matched(outcome.hops)], outcome.accepted


@pytest.mark.parametrize(
    ("text", "hops", "accepted"),
    [
        ("", [], True),
        ("-P FORWARD DROP", ["FORWARD policy"], False),
        ("-A FORWARD -j ACCEPT\n-A FORWARD -j DROP", ["FORWARD 1"], True),
        ("-A FORWARD -p udp -j ACCEPT\n-A FORWARD -j DROP", ["FORWARD 2"], False),
        ("-A FORWARD -j REJECT --reject-with tcp-reset", ["FORWARD 1"], False),
        ("-A FORWARD -s 10.0.0.9\n-A FORWARD -j LOG --log-prefix -j", ["FORWARD 1", "FORWARD 2"], True),
        ("-P FORWARD DROP\n-A FORWARD -j RETURN\n-A FORWARD -j ACCEPT", ["FORWARD 1", "FORWARD policy"], False),
        ("-A FORWARD -j ONE\n-A FORWARD -j DROP\n-A ONE -j ACCEPT", ["FORWARD 1", "ONE 1"], True),
        ("-A FORWARD -j ONE\n-A FORWARD -j DROP\n-A ONE -p udp -j ACCEPT", ["FORWARD 1", "FORWARD 2"], False),
        ("-A FORWARD -j ONE\n-A FORWARD -j DROP\n-A ONE -j RETURN", ["FORWARD 1", "ONE 1", "FORWARD 2"], False),
        (
            "-A FORWARD -j ONE\n-A FORWARD -j DROP\n-A ONE -g TWO\n-A ONE -j ACCEPT\n-A TWO -j RETURN",
            ["FORWARD 1", "ONE 1", "TWO 1", "FORWARD 2"],
            False,
        ),
        (
            "-P FORWARD DROP\n-A FORWARD -g ONE\n-A FORWARD -j ACCEPT\n-A ONE",
            ["FORWARD 1", "ONE 1", "FORWARD policy"],
            False,
        ),
    ],
)
def test_the_rules_that_match_are_the_hops(text: str, hops: list[str], accepted: bool) -> None:
    assert through(text) == (hops, accepted)


def test_tables_come_in_the_kernels_order() -> None:
    every = {
        "raw": "-A PREROUTING\n-A OUTPUT",
        "mangle": "-A PREROUTING\n-A INPUT\n-A FORWARD\n-A OUTPUT\n-A POSTROUTING",
        "nat": "-A PREROUTING\n-A INPUT\n-A OUTPUT\n-A POSTROUTING",
        "filter": "-A INPUT\n-A FORWARD\n-A OUTPUT",
    }
    tables = {}
    for hook in Hook:
        walker = netfilter(NODE, **every)
        tracked = walker.traverse(Passage(Hook.PREROUTING, SYN)).flow if hook is not Hook.OUTPUT else None
        outcome = walker.traverse(Passage(hook, SYN, None if hook is Hook.PREROUTING else tracked))
        tables[hook] = [each.split()[0] for each in matched(outcome.hops)]
        if hook in (Hook.INPUT, Hook.OUTPUT):
            rest = walker.finish(Passage(hook, SYN, outcome.flow))
            tables[hook] += ["|", *(each.split()[0] for each in matched(rest.hops))]
    assert tables == {
        Hook.PREROUTING: ["raw", "mangle", "nat"],
        Hook.INPUT: ["mangle", "filter", "|", "nat"],
        Hook.FORWARD: ["mangle", "filter"],
        Hook.OUTPUT: ["raw", "mangle", "nat", "|", "filter"],
        Hook.POSTROUTING: ["mangle", "nat"],
    }


def test_a_drop_ends_the_hook() -> None:
    outcome = netfilter(mangle="-A FORWARD -j DROP", filter="-A FORWARD -j ACCEPT").traverse(FORWARDED)
    assert (matched(outcome.hops), outcome.accepted) == (["mangle FORWARD 1"], False)


def test_a_hop_names_its_rule_and_what_would_mend_it() -> None:
    (hop,) = netfilter(filter='-A FORWARD -m comment --comment "not today" -j DROP').traverse(FORWARDED).hops
    text = '-m comment --comment "not today" -j DROP'
    assert (hop.at, hop.stage, hop.interface, hop.packet) == (AT, Stage.RULE, "eth0", SYN)
    assert hop.rule == RuleRef("filter", "FORWARD", 1, text)
    assert hop.verdict is Verdict.DROPPED
    assert hop.cause is not None
    assert (hop.cause.why, hop.cause.text) == (Why.RULE, f"-A FORWARD {text}")
    assert hop.cause.mend == "on swarm-worker1: iptables -D FORWARD 1"


def test_a_dropping_policy_names_itself() -> None:
    at = NamespaceRef("swarm-worker1", "ingress_sbox")
    walker = Netfilter(at, rules(filter="-P INPUT DROP"), NODE)
    (hop,) = walker.traverse(Passage(Hook.INPUT, SYN)).hops
    assert (hop.rule, hop.verdict) == (RuleRef("filter", "INPUT", 0, "DROP"), Verdict.DROPPED)
    assert hop.cause is not None
    assert (hop.cause.why, hop.cause.text) == (Why.POLICY, "-P INPUT DROP")
    enter = "nsenter --net=/var/run/docker/netns/ingress_sbox"
    assert hop.cause.mend == f"on swarm-worker1: {enter} iptables -P INPUT ACCEPT"


def test_a_rule_that_lets_pass_has_nothing_to_mend() -> None:
    (hop,) = netfilter(filter="-A FORWARD -j ACCEPT").traverse(FORWARDED).hops
    assert hop.verdict is Verdict.PASSES
    assert hop.cause is not None
    assert not hop.cause.mend


def test_rejecting_refuses() -> None:
    (hop,) = netfilter(filter="-A FORWARD -j REJECT --reject-with icmp-port-unreachable").traverse(FORWARDED).hops
    assert hop.verdict is Verdict.REFUSED


@pytest.mark.parametrize(
    ("target", "before", "after"),
    [
        ("MARK --set-xmark 0x100/0xffffffff", 0x1, 0x100),
        ("MARK --set-xmark 0x100/0x100", 0x1, 0x101),
        ("MARK --set-mark 0x2/0x1", 0x3, 0x2),
        ("MARK --or-mark 0x2", 0x1, 0x3),
        ("MARK --and-mark 0x2", 0x3, 0x2),
        ("MARK --xor-mark 0x3", 0x1, 0x2),
    ],
)
def test_a_mark_shows_from_its_own_hop_on(target: str, before: int, after: int) -> None:
    passage = Passage(Hook.PREROUTING, packet("tcp 10.0.0.9:40000 > 192.168.0.2:80 S", mark=before))
    outcome = netfilter(mangle=f"-A PREROUTING\n-A PREROUTING -j {target}").traverse(passage)
    assert [hop.packet.mark for hop in outcome.hops] == [before, after]
    assert outcome.packet.mark == after
