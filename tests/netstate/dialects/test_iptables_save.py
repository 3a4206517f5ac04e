"""Read and written again, a real engine's dumps are what they were."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshnet.netstate import Chain, Rule, Ruleset, Table
from meshnet.netstate.dialects import iptables_restore, iptables_save
from meshnet.netstate.dialects.iptables_save import Counter
from meshnet.netstate.ruleset_change import diff_rulesets

DATA = Path(__file__).parents[2] / "data"
DUMPS = sorted((DATA / "docker-reference").rglob("iptables-save-c.txt"))


def bare(dump: str) -> list[str]:
    """Without comments, and without tables in which there is nothing."""
    text = "".join(f"{line}\n" for line in dump.splitlines() if not line.startswith("#"))
    tables = [table for table in text.split("COMMIT\n") if table]
    return [table for table in tables if "-A " in table or " DROP " in table or " - [" in table]


def test_there_are_dumps() -> None:
    assert len(DUMPS) > 10


@pytest.mark.parametrize("path", DUMPS, ids=lambda path: "/".join(path.parts[-4:-1]))
def test_a_dump_with_its_counters_comes_back_as_it_was(path: Path) -> None:
    rules, counters = iptables_save.parse_with_counters(path.read_text())
    assert bare(iptables_save.write(rules, counters)) == bare(path.read_text())


def test_the_article_s_rule_and_its_counter_are_found() -> None:
    dump = DATA / "docker-reference/02-article/swarm-worker1/host/iptables-save-c.txt"
    rules, counters = iptables_save.parse_with_counters(dump.read_text())
    assert str(rules.chain("nat", "DOCKER-INGRESS").rules[0]) == (
        "-p tcp -m tcp --dport 8000 -j DNAT --to-destination 172.18.0.2:8000"
    )
    assert counters.rules["nat", "DOCKER-INGRESS"][0] == Counter(20, 1200)
    assert rules.chain("filter", "FORWARD").policy == "DROP"


def test_a_dump_without_counters_is_written_without_them() -> None:
    text = (
        "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A INPUT -i lo -j ACCEPT\nCOMMIT\n"
    )
    assert iptables_save.write(iptables_save.parse(text)) == text


def test_a_quoted_word_keeps_its_blanks() -> None:
    text = r'-m comment --comment "say \"no\" to it" -m u32 --u32 "0>>22&0x3C@12=0x100400" -j DROP'
    rule = iptables_save.parse_rule(text)
    assert rule.words[3] == 'say "no" to it'
    assert iptables_save.rule_text(rule) == text


@pytest.mark.parametrize("text", ["*nat\n-A NOWHERE -j ACCEPT\n", "iptables: no such thing\n"])
def test_a_line_that_is_none_is_named(text: str) -> None:
    with pytest.raises(ValueError, match=r"line \d: expected .* found: "):
        iptables_save.parse(text)


def test_changes_are_written_for_restore() -> None:
    have = Ruleset({"nat": Table({"OLD": Chain(None, (Rule.parse("-j RETURN"),))})})
    rules = (Rule.parse("-o docker_gwbridge -j MASQUERADE"), Rule.parse("-j NEW"))
    want = Ruleset({"nat": Table({"POSTROUTING": Chain("ACCEPT", rules), "NEW": Chain()})})
    assert iptables_restore.write(diff_rulesets(want, have)).splitlines() == [
        "*nat",
        "-N NEW",
        "-A POSTROUTING -o docker_gwbridge -j MASQUERADE",
        "-A POSTROUTING -j NEW",
        "-F OLD",
        "-X OLD",
        "COMMIT",
    ]
