"""iptables, as ``iptables-save`` writes it: tables of chains of rules in order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

BUILTIN_CHAINS: Mapping[str, tuple[str, ...]] = {
    "raw": ("PREROUTING", "OUTPUT"),
    "mangle": ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"),
    "nat": ("PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"),
    "filter": ("INPUT", "FORWARD", "OUTPUT"),
}
"""The kernel's own chains of each table, in the order ``iptables-save`` prints them."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: what follows ``-A CHAIN`` in the words ``iptables-save`` itself would use, one string an argument.

    Two rules are the same when their words are: renderers write the saved form (``-p tcp -m tcp --dport 80``,
    ``--set-xmark 0x100/0xffffffff``, ``10.0.0.2/32``), so what is wanted and what is read back compare by text.
    """

    words: tuple[str, ...]

    def __str__(self) -> str:
        return " ".join(self.words)

    @classmethod
    def parse(cls, text: str) -> Rule:
        """A rule from its text without ``-A CHAIN``; no word of a rule here holds a blank."""
        return cls(tuple(text.split()))


@dataclass(frozen=True, slots=True)
class Chain:
    """``policy`` is ACCEPT or DROP for the kernel's own chains, None for a user's."""

    policy: str | None = None
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    chains: Mapping[str, Chain] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ruleset:
    """The iptables of one namespace. A table that is missing and one whose built-in chains are empty and accept all are
    the same thing: ``normalised`` has neither."""

    tables: Mapping[str, Table] = field(default_factory=dict)

    def chain(self, table: str, chain: str) -> Chain:
        """That chain, or an empty accepting one where nobody has said anything of it."""
        empty = Chain("ACCEPT" if chain in BUILTIN_CHAINS.get(table, ()) else None)
        return self.tables.get(table, Table()).chains.get(chain, empty)

    def normalised(self) -> Ruleset:
        """The same rules without tables and built-in chains that say nothing."""
        tables = {}
        for name, table in self.tables.items():
            chains = {
                chain_name: chain
                for chain_name, chain in table.chains.items()
                if chain.rules or chain.policy not in ("ACCEPT",)
            }
            if chains:
                tables[name] = Table(chains)
        return Ruleset(tables)
