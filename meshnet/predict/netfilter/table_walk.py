"""One packet's way through one table, rule by rule (``ipt_do_table``)."""

from __future__ import annotations

from meshnet.netstate import NamespaceRef
from meshnet.path import Cause, Hop, RuleRef, Stage, Verdict
from meshnet.predict.netfilter.chains import Chains, PlacedRule, ReadChain
from meshnet.predict.netfilter.effects import Effect, apply
from meshnet.predict.netfilter.situation import Situation, UntaughtError
from meshnet.predict.netfilter.targets import Jump, Simple

_VERDICTS = {Effect.DROPPED: Verdict.DROPPED, Effect.REFUSED: Verdict.REFUSED}


class TableWalk:
    """Changes its ``situation`` as rules change the packet, and adds to ``hops``."""

    def __init__(self, at: NamespaceRef, chains: Chains, situation: Situation, hops: list[Hop]) -> None:
        self._at, self._chains, self._situation, self._hops = at, chains, situation, hops

    def run(self, table: str, name: str) -> bool:
        """Whether the packet comes through; ``name`` is the kernel's own chain, which has a policy."""
        if not self._chains.has(table):
            return True
        first = self._chains.chain(table, name)
        effect = self._follow(first)
        if effect is Effect.GOES_ON and first.policy.text == "DROP":
            self._hop(first.policy, first.policy_cause, Verdict.DROPPED)
            return False
        return effect in (Effect.GOES_ON, Effect.ACCEPTED)

    def _follow(self, chain: ReadChain) -> Effect:
        """What a rule decides; GOES_ON if none did and the kernel's chain is at its end."""
        place = 0
        callers: list[tuple[ReadChain, int]] = []
        while True:
            if place == len(chain.rules):
                if not callers:
                    return Effect.GOES_ON
                chain, place = callers.pop()
                continue
            placed = chain.rules[place]
            place += 1
            if not self._matches(placed):
                continue
            target = placed.rule.target
            if isinstance(target, Jump):
                called = self._chains.called(placed, target.chain)
                self._hop(placed.ref, placed.cause)
                if not target.goto:
                    callers.append((chain, place))
                chain, place = called, 0
            elif target is Simple.RETURN:
                self._hop(placed.ref, placed.cause)
                place = len(chain.rules)
            elif (effect := self._apply(placed)) is not Effect.GOES_ON:
                return effect

    def _matches(self, placed: PlacedRule) -> bool:
        try:
            return placed.rule.matches(self._situation)
        except UntaughtError as error:
            raise self._chains.not_taught(placed, str(error)) from None

    def _apply(self, placed: PlacedRule) -> Effect:
        try:
            effect = apply(placed.rule.target, self._situation)
        except UntaughtError as error:
            raise self._chains.not_taught(placed, str(error)) from None
        self._hop(placed.ref, placed.cause, _VERDICTS.get(effect, Verdict.PASSES))
        return effect

    def _hop(self, rule: RuleRef, cause: Cause, verdict: Verdict = Verdict.PASSES) -> None:
        situation = self._situation
        self._hops.append(
            Hop(
                self._at,
                Stage.RULE,
                situation.packet,
                situation.passage.in_interface,
                rule,
                verdict,
                cause,
            )
        )
