"""One namespace's chains, each rule with what its hops say of it."""

from __future__ import annotations

from dataclasses import dataclass

from meshnet.errors import NotTaughtError
from meshnet.netstate import NamespaceRef, Ruleset
from meshnet.path import Cause, RuleRef, Why
from meshnet.predict.netfilter.reading import ReadRule, read
from meshnet.predict.netfilter.targets import Simple

_STOPS = (Simple.DROP, Simple.REJECT)


@dataclass(frozen=True, slots=True)
class PlacedRule:
    """``cause`` is what a hop by this rule gives as its own, with what would mend it where it stops packets."""

    rule: ReadRule
    ref: RuleRef
    cause: Cause


@dataclass(frozen=True, slots=True)
class ReadChain:
    """``policy`` and ``policy_cause`` are for the kernel's own chains."""

    rules: tuple[PlacedRule, ...]
    policy: RuleRef
    policy_cause: Cause


class Chains:
    """Read when first met. Its rules don't change, so copies of a prediction share it."""

    def __init__(self, at: NamespaceRef, rules: Ruleset) -> None:
        self._at, self._rules = at, rules
        self._read: dict[tuple[str, str], ReadChain] = {}

    def has(self, table: str) -> bool:
        """A table that says nothing may be left out: it lets everything pass."""
        return table in self._rules.tables

    def chain(self, table: str, name: str) -> ReadChain:
        found = self._read.get((table, name))
        if found is None:
            found = self._read[table, name] = self._place(table, name)
        return found

    def called(self, by: PlacedRule, name: str) -> ReadChain:
        """The user's chain that a rule jumps to. Raises ``NotTaughtError`` where there is none: then it's a target that
        isn't known here."""
        if name not in self._rules.tables[by.ref.table].chains:
            raise self.not_taught(by, f"-j {name}")
        return self.chain(by.ref.table, name)

    def not_taught(self, by: PlacedRule, what: str) -> NotTaughtError:
        where = f"{self._at} {by.ref.table} {by.ref.chain} rule {by.ref.number}"
        return NotTaughtError(f"predict wasn't taught `{what}` ({where})")

    def _place(self, table: str, name: str) -> ReadChain:
        chain = self._rules.chain(table, name)
        policy = chain.policy or "ACCEPT"
        return ReadChain(
            tuple(self._placed(table, name, number, read(rule)) for number, rule in enumerate(chain.rules, 1)),
            RuleRef(table, name, 0, policy),
            Cause(Why.POLICY, f"-P {name} {policy}", self._command(table, f"-P {name} ACCEPT")),
        )

    def _placed(self, table: str, chain: str, number: int, rule: ReadRule) -> PlacedRule:
        mend = self._command(table, f"-D {chain} {number}") if rule.target in _STOPS else ""
        cause = Cause(Why.RULE, f"-A {chain} {rule.text}", mend)
        return PlacedRule(rule, RuleRef(table, chain, number, rule.text), cause)

    def _command(self, table: str, change: str) -> str:
        enter = f"nsenter --net=/var/run/docker/netns/{self._at.file} " if self._at.file else ""
        option = "" if table == "filter" else f"-t {table} "
        return f"on {self._at.node}: {enter}iptables {option}{change}"
