"""What may be there after a change broke off: everything of the state before and of the one that was to be."""

from __future__ import annotations

from dataclasses import fields

from hypothesis import given, settings

from meshnet.netstate import NetState, Ruleset
from meshnet.netstate.union import union
from tests.netstate import strategies


def contents(state: NetState) -> set[object]:
    """Everything that can be added or dropped by itself."""
    found: set[object] = {*state.links, *state.addresses, *state.routes, *state.neighbours, *state.fdb, *state.ipvs}
    found |= {(mark, server) for mark, service in state.ipvs.items() for server in service.destinations}
    return found | set(rules(state.rules)) | state.foreign | set(state.sysctls)


def rules(ruleset: Ruleset) -> list[object]:
    chains = [(name, chain) for name, table in ruleset.tables.items() for chain in table.chains]
    return [*chains, *((*where, rule) for where in chains for rule in ruleset.chain(*where).rules)]


@settings(max_examples=30, deadline=None)
@given(strategies.worlds, strategies.worlds)
def test_it_has_what_either_has_and_nothing_else(one: strategies.World, other: strategies.World) -> None:
    both = union(one, other)
    assert both.keys() == one.keys() | other.keys()
    for ref, state in both.items():
        assert contents(state) == contents(one.get(ref, NetState())) | contents(other.get(ref, NetState()))


@settings(max_examples=20, deadline=None)
@given(strategies.worlds, strategies.worlds)
def test_where_they_differ_it_has_what_was_to_be(one: strategies.World, other: strategies.World) -> None:
    both = union(one, other)
    for ref, state in other.items():
        for mapping in (field.name for field in fields(NetState) if field.name in ("links", "sysctls")):
            assert getattr(both[ref], mapping).items() >= getattr(state, mapping).items()
