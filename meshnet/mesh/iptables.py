"""The iptables of one namespace in the making, in the words Docker programs them with.

Docker never writes a rule set: each part of it inserts and appends rules of its own as things happen, and people see
the order that comes of it. So renderers say what Docker would do, in Docker's order, and the rule set follows.
"""

from __future__ import annotations

from meshnet.netstate import Chain, Rule, Ruleset, Table
from meshnet.netstate.ruleset import BUILTIN_CHAINS


class RulesetDraft:
    """Rules are given as ``iptables-save`` would print them after ``-A CHAIN`` (see ``netstate.Rule``).

    Every method raises ``LookupError`` when the table or the chain isn't there, as iptables itself fails.
    """

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self._rules: dict[str, dict[str, list[Rule]]] = {
            table: {chain: [] for chain in chains} for table, chains in BUILTIN_CHAINS.items()
        }
        self._policies: dict[tuple[str, str], str] = {}

    def new_chain(self, table: str, chain: str) -> None:
        """``-N``, or nothing where the chain is there already."""
        self._table(table).setdefault(chain, [])

    def policy(self, table: str, chain: str, policy: str) -> None:
        """``-P``, for one of the kernel's own chains."""
        self._chain(table, chain)
        self._policies[table, chain] = policy

    def append(self, table: str, chain: str, rule: str) -> None:
        """``-A``: below all others."""
        self._chain(table, chain).append(Rule.parse(rule))

    def append_once(self, table: str, chain: str, rule: str) -> None:
        """``-C``, and ``-A`` if it isn't there."""
        if Rule.parse(rule) not in self._chain(table, chain):
            self.append(table, chain, rule)

    def insert(self, table: str, chain: str, rule: str) -> None:
        """``-I``: above all others."""
        self._chain(table, chain).insert(0, Rule.parse(rule))

    def move_to_top(self, table: str, chain: str, rule: str) -> None:
        """``-D`` if it is there, and ``-I``: how Docker keeps its jumps above what others inserted."""
        rules = self._chain(table, chain)
        parsed = Rule.parse(rule)
        if parsed in rules:
            rules.remove(parsed)
        rules.insert(0, parsed)

    def freeze(self) -> Ruleset:
        """What has come of it, normalised: the kernel's chains in its order, then others by name, as they are saved."""
        return Ruleset({table: self._frozen_table(table) for table in BUILTIN_CHAINS}).normalised()

    def _frozen_table(self, table: str) -> Table:
        builtin = BUILTIN_CHAINS[table]
        chains = self._rules[table]
        own = sorted(name for name in chains if name not in builtin)
        return Table(
            {chain: Chain(self._policies.get((table, chain), "ACCEPT"), tuple(chains[chain])) for chain in builtin}
            | {chain: Chain(None, tuple(chains[chain])) for chain in own}
        )

    def _table(self, table: str) -> dict[str, list[Rule]]:
        if table not in self._rules:
            raise LookupError(f"{self._owner}: expected an iptables table ({', '.join(self._rules)}), found {table!r}")
        return self._rules[table]

    def _chain(self, table: str, chain: str) -> list[Rule]:
        chains = self._table(table)
        if chain not in chains:
            raise LookupError(f"{self._owner}: {table} has no chain {chain!r}, only {', '.join(chains)}")
        return chains[chain]
