"""Whatever rules there are and are wanted: as many as can stay do, and those of others keep their places."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from meshnet.netstate import Rule
from meshnet.netstate.ruleset_change import DeleteRule, InsertRule, edit_chain
from tests.netstate import strategies

OURS = strategies.rules
THEIRS = st.lists(st.sampled_from([Rule.parse(f"-s 10.9.9.{n}/32 -j DROP") for n in range(3)]), max_size=3)


def play(have: tuple[Rule, ...], want: tuple[Rule, ...], strangers: list[Rule]) -> tuple[list[Rule], list[Rule]]:
    """What the chain holds afterwards, and the rules among it that were never touched."""
    changes, _ = edit_chain("INPUT", want, have, strangers)
    now = [(rule, True) for rule in have]
    for change in changes:
        match change:
            case DeleteRule(_, rule, position):
                place = [one for one, _ in now].index(rule) if position is None else position - 1
                assert now.pop(place)[0] == rule
            case InsertRule(_, rule, position):
                now.insert(len(now) if position is None else position - 1, (rule, False))
    return [rule for rule, _ in now], [rule for rule, untouched in now if untouched]


def common_length(one: tuple[Rule, ...], other: tuple[Rule, ...]) -> int:
    """How long a longest common subsequence is, found the plain way."""
    if not one or not other:
        return 0
    if one[0] == other[0]:
        return 1 + common_length(one[1:], other[1:])
    return max(common_length(one[1:], other), common_length(one, other[1:]))


@given(OURS, OURS)
def test_as_many_rules_as_can_stay_do(have: tuple[Rule, ...], want: tuple[Rule, ...]) -> None:
    now, untouched = play(have, want, [])
    assert tuple(now) == want
    assert len(untouched) == common_length(have, want)


@given(OURS, OURS, st.data())
def test_rules_of_others_stay_in_their_order(
    have: tuple[Rule, ...], want: tuple[Rule, ...], data: st.DataObject
) -> None:
    mixed = list(have)
    theirs = data.draw(THEIRS)
    for rule in theirs:
        mixed.insert(data.draw(st.integers(0, len(mixed))), rule)
    now, untouched = play(tuple(mixed), want, theirs)
    assert tuple(rule for rule in now if rule not in theirs) == want
    assert [rule for rule in untouched if rule in theirs] == [rule for rule in mixed if rule in theirs]
