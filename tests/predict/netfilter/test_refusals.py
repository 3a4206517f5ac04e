"""What the prediction wasn't taught, it refuses: where, and only if it matters."""

from __future__ import annotations

import re

import pytest

from meshnet.errors import NotTaughtError
from meshnet.path import Hook
from meshnet.predict.netfilter import Passage
from tests.predict.netfilter.by_hand import NODE, netfilter, packet

SYN = Passage(Hook.PREROUTING, packet("tcp 10.0.0.9:40000 > 192.168.0.2:80 S"), in_interface="eth0")


@pytest.mark.parametrize(
    ("table", "rule", "what"),
    [
        ("mangle", "-m recent --set --name ssh --mask 255.255.255.255 --rsource", "-m recent"),
        ("mangle", "-m policy --dir in --pol none -j DROP", "-m policy"),
        ("mangle", "-p tcp -m tcp --tcp-option 5", "-m tcp --tcp-option 5"),
        ("mangle", "-m conntrack ! --ctstatus ASSURED", "-m conntrack ! --ctstatus ASSURED"),
        ("mangle", "-m addrtype --dst-type BLACKHOLE", "-m addrtype --dst-type BLACKHOLE"),
        ("mangle", "-f", "-f"),
        ("mangle", "-p tcp -m u32 --u32 0x4=0x1", "-m u32 --u32 0x4=0x1"),
        ("mangle", "-j TTL --ttl-set 3", "-j TTL"),
        ("raw", "-j CT --zone 1", "-j CT --zone 1"),
        ("nat", "-p tcp -j DNAT --to-destination 10.0.0.1-10.0.0.4", "-j DNAT --to-destination 10.0.0.1-10.0.0.4"),
        ("nat", "-p tcp -j DNAT --to-destination 10.0.0.1:80-90", "-j DNAT --to-destination 10.0.0.1:80-90"),
        ("nat", "-p tcp -j REDIRECT --to-ports 80-90", "-j REDIRECT --to-ports 80-90"),
    ],
)
def test_a_rule_that_is_not_known_is_named_with_its_place(table: str, rule: str, what: str) -> None:
    walker = netfilter(NODE, **{table: f"-A PREROUTING -p udp\n-A PREROUTING {rule}"})
    sentence = f"predict wasn't taught `{what}` (swarm-worker1 {table} PREROUTING rule 2)"
    with pytest.raises(NotTaughtError, match=f"^{re.escape(sentence)}$"):
        walker.traverse(SYN)


@pytest.mark.parametrize(
    "rule",
    [
        "-p udp -m recent --rcheck -j DROP",
        "-m recent --rcheck -m mark --mark 0x5 -j DROP",
        "-m limit --limit 3/min -m tcp --dport 443 -j DROP",
        "-i eth1 -j TTL --ttl-set 3",
    ],
)
def test_a_rule_that_cannot_match_anyway_is_no_obstacle(rule: str) -> None:
    outcome = netfilter(mangle=f"-A PREROUTING {rule}").traverse(SYN)
    assert (outcome.hops, outcome.accepted) == ((), True)


def test_a_rule_behind_the_decision_is_no_obstacle() -> None:
    assert netfilter(mangle="-A PREROUTING -j ACCEPT\n-A PREROUTING -m recent --set").traverse(SYN).accepted
