"""Rules change one by one; those that stay are not touched, and those of others keep their places."""

from __future__ import annotations

from meshnet.netstate import Chain, Rule, Ruleset, Table
from meshnet.netstate.ruleset_change import DeleteRule, EmptyChain, InsertRule, diff_rulesets


def rule(text: str) -> Rule:
    return Rule.parse(text)


def chain_of(*rules: Rule) -> Ruleset:
    return Ruleset({"filter": Table({"FORWARD": Chain("ACCEPT", rules)})})


A, B, STRANGER = rule("-i a -j ACCEPT"), rule("-i b -j ACCEPT"), rule("-i z -j DROP")


def test_a_new_first_rule_goes_above_those_of_others_and_a_new_last_one_below() -> None:
    have, last = chain_of(STRANGER, A, STRANGER), chain_of(A)
    (first,) = diff_rulesets(chain_of(B, A), have, last)
    assert first.changes == (InsertRule("FORWARD", B, 1),)
    (second,) = diff_rulesets(chain_of(A, B), have, last)
    assert second.changes == (InsertRule("FORWARD", B),)


def test_a_rule_of_others_goes_if_nobody_says_what_was_wanted_last() -> None:
    (table,) = diff_rulesets(chain_of(A), chain_of(STRANGER, A))
    assert list(table.lines()) == ["- filter FORWARD: -i z -j DROP"]


def test_the_second_of_two_equal_rules_is_deleted_by_its_place() -> None:
    (table,) = diff_rulesets(chain_of(A, B), chain_of(A, B, A))
    assert table.changes == (DeleteRule("FORWARD", A, 3),)


def user_chain(*jumps: Rule, rules: tuple[Rule, ...] = (A,)) -> Ruleset:
    return Ruleset({"filter": Table({"FORWARD": Chain("ACCEPT", jumps), "X": Chain(None, rules)})})


def test_a_chain_of_ours_goes_with_all_that_is_in_it() -> None:
    (table,) = diff_rulesets(Ruleset(), user_chain(rule("-j X")), user_chain(rule("-j X")))
    assert list(table.lines()) == ["- filter FORWARD: -j X", "- filter X: all rules", "- filter chain X"]


def test_a_chain_that_a_rule_of_others_jumps_to_is_only_emptied() -> None:
    have = user_chain(rule("-i z -j X"), rule("-j X"))
    (table,) = diff_rulesets(Ruleset(), have, user_chain(rule("-j X")))
    assert list(table.lines()) == ["- filter FORWARD: -j X", "- filter X: -i a -j ACCEPT"]


def test_a_chain_of_others_stays() -> None:
    assert diff_rulesets(Ruleset(), user_chain(), last=Ruleset()) == ()
    (table,) = diff_rulesets(Ruleset(), user_chain())
    assert EmptyChain("X") in table.changes


def test_a_policy_that_somebody_changed_is_set_back_only_where_something_is_wanted_of_the_chain() -> None:
    closed = Ruleset({"filter": Table({"FORWARD": Chain("DROP", (A,)), "INPUT": Chain("DROP")})})
    (table,) = diff_rulesets(chain_of(A), closed, chain_of(A))
    assert list(table.lines()) == ["~ filter FORWARD: policy ACCEPT"]
