"""Whatever the two states: playing the difference turns one into the other."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings

from meshnet.netstate import NetState
from meshnet.netstate.diff import diff
from tests.netstate import strategies
from tests.netstate.model import World


def comparable(states: strategies.World) -> dict[object, object]:
    """Without the orders that a diff does not care for."""
    return {
        ref: replace(
            state,
            addresses=tuple(sorted(state.addresses, key=str)),
            sysctls={name: value for name, value in state.sysctls.items() if _is_of(state, name)},
            ipvs={
                mark: replace(service, destinations=tuple(sorted(service.destinations, key=str)))
                for mark, service in state.ipvs.items()
            },
        )
        for ref, state in states.items()
    }


def _is_of(state: NetState, sysctl: str) -> bool:
    """A sysctl of an interface goes with it; nobody takes it away."""
    words = sysctl.split(".")
    return words[2] != "conf" or words[3] in state.links


@settings(max_examples=40, deadline=None)
@given(strategies.worlds, strategies.worlds)
def test_playing_the_difference_gives_what_is_wanted(want: strategies.World, have: strategies.World) -> None:
    assert comparable(World(have).play(diff(want, have))) == comparable(want)


@settings(max_examples=20, deadline=None)
@given(strategies.worlds)
def test_nothing_differs_from_itself(want: strategies.World) -> None:
    assert not diff(want, want)


@settings(max_examples=30, deadline=None)
@given(strategies.worlds, strategies.worlds)
def test_without_strangers_it_does_not_matter_what_was_wanted_last(
    want: strategies.World, have: strategies.World
) -> None:
    assert diff(want, have, last=have) == diff(want, have)


@settings(max_examples=30, deadline=None)
@given(strategies.worlds, strategies.worlds, strategies.worlds)
def test_what_is_wanted_is_there_afterwards_whatever_strangers_did(
    want: strategies.World, have: strategies.World, last: strategies.World
) -> None:
    after = World(have).play(diff(want, have, last=last))
    assert not diff(want, after, last=want)
