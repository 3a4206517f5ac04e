"""``iptables-save``, with and without ``-c``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from meshnet.netstate.ruleset import BUILTIN_CHAINS, Chain, Rule, Ruleset, Table

_WORD = re.compile(r'"((?:[^"\\]|\\.)*)"|(\S+)')
_ESCAPED = re.compile(r"\\(.)")
_PLAIN = re.compile(r"[A-Za-z0-9_.,:;/!+*%@=^\[\]{}()~#-]+")
_TO_ESCAPE = re.compile(r"([\"'\\])")
_CHAIN = re.compile(r":(?P<name>\S+) (?P<policy>\S+)(?: \[(?P<packets>\d+):(?P<bytes>\d+)\])?")
_RULE = re.compile(r"(?:\[(?P<packets>\d+):(?P<bytes>\d+)\] )?-A (?P<chain>\S+) ?(?P<words>.*)")


@dataclass(frozen=True, slots=True)
class Counter:
    """How many packets and bytes a rule or a policy has decided on."""

    packets: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Counters:
    """Those of a whole dump. ``rules`` has, for a (table, chain), one for each rule in order."""

    policies: Mapping[tuple[str, str], Counter] = field(default_factory=dict)
    rules: Mapping[tuple[str, str], tuple[Counter, ...]] = field(default_factory=dict)


def parse(text: str) -> Ruleset:
    """The rules in ``text``, normalised. Raises ``ValueError`` for a line that ``iptables-save`` does not write."""
    return parse_with_counters(text)[0]


def parse_with_counters(text: str) -> tuple[Ruleset, Counters]:
    """The rules in ``text``, normalised, and how often each was met; all zero where ``text`` does not say."""
    tables: dict[str, dict[str, tuple[str | None, list[Rule]]]] = {}
    policies: dict[tuple[str, str], Counter] = {}
    counts: dict[tuple[str, str], list[Counter]] = {}
    chains: dict[str, tuple[str | None, list[Rule]]] = {}
    table = ""
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("*"):
            table = line[1:].strip()
            chains = tables.setdefault(table, {})
        elif chain := _CHAIN.fullmatch(line.strip()):
            policy = None if chain["policy"] == "-" else chain["policy"]
            chains[chain["name"]] = (policy, [])
            policies[table, chain["name"]] = _counter(chain)
        elif rule := _RULE.fullmatch(line.strip()):
            if rule["chain"] not in chains:
                raise ValueError(f"line {number}: expected chain {rule['chain']} to have been declared, found: {line}")
            chains[rule["chain"]][1].append(parse_rule(rule["words"]))
            counts.setdefault((table, rule["chain"]), []).append(_counter(rule))
        elif line.strip() not in ("", "COMMIT") and not line.startswith("#"):
            raise ValueError(f"line {number}: expected a line of iptables-save, found: {line}")
    rules = Ruleset(
        {
            name: Table({chain: Chain(policy, tuple(found)) for chain, (policy, found) in chains.items()})
            for name, chains in tables.items()
        }
    )
    return rules.normalised(), Counters(policies, {where: tuple(found) for where, found in counts.items()})


def _counter(match: re.Match[str]) -> Counter:
    return Counter(int(match["packets"] or 0), int(match["bytes"] or 0))


def parse_rule(text: str) -> Rule:
    """A rule from what follows ``-A CHAIN``; a quoted word may hold blanks."""
    return Rule(
        tuple(_ESCAPED.sub(r"\1", found[1]) if found[1] is not None else found[2] for found in _WORD.finditer(text))
    )


def rule_text(rule: Rule) -> str:
    """The inverse of ``parse_rule``; words that need it are quoted. (iptables itself quotes by option, so a word it
    quotes needlessly comes out bare here.)"""
    return " ".join(map(_quoted, rule.words))


def _quoted(word: str) -> str:
    return word if _PLAIN.fullmatch(word) else '"' + _TO_ESCAPE.sub(r"\\\1", word) + '"'


def write(rules: Ruleset, counters: Counters | None = None) -> str:
    """``rules`` as ``iptables-save`` writes them, without its comments; with ``counters``, as ``iptables-save -c``."""
    return "".join(f"{line}\n" for name, table in rules.tables.items() for line in _table_lines(name, table, counters))


def _table_lines(name: str, table: Table, counters: Counters | None) -> Iterator[str]:
    builtin = BUILTIN_CHAINS.get(name, ())
    order = [*builtin, *sorted(chain for chain in table.chains if chain not in builtin)]
    known = counters or Counters()
    yield f"*{name}"
    for chain in order:
        policy = (table.chains[chain].policy if chain in table.chains else "ACCEPT") or "-"
        yield f":{chain} {policy} {_bracketed(known.policies.get((name, chain), Counter()))}"
    for chain in order:
        if chain not in table.chains:
            continue
        counts = known.rules.get((name, chain), ())
        for number, rule in enumerate(table.chains[chain].rules):
            count = counts[number] if number < len(counts) else Counter()
            prefix = f"{_bracketed(count)} " if counters is not None else ""
            yield f"{prefix}-A {chain} {rule_text(rule)}".rstrip()
    yield "COMMIT"


def _bracketed(counter: Counter) -> str:
    return f"[{counter.packets}:{counter.bytes}]"
