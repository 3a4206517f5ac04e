"""Every rule of the article's cluster matters to some packet: without it that packet's way would be another."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache

import pytest

from meshnet.errors import NotTaughtError
from meshnet.netstate import Chain, NamespaceRef, Ruleset, Table
from meshnet.netstate.world import World
from meshnet.path import Hop, Path, Probe, Stage
from meshnet.predict import Prediction, predict
from tests.predict.battery import article, flows, worlds
from tests.predict.worlds import changed

pytestmark = pytest.mark.thorough

Place = tuple[NamespaceRef, str, str, str]
"""A rule: its namespace, table, chain and text."""
Fate = tuple[tuple[object, ...], ...]

_LAST = "the last of its chain, and a packet returns from the end of a chain as well"
_EMPTY = "that chain holds nothing but returns: nobody has published a port on a node alone, or has rules of his own"
_TO_ITSELF = "the published port is the target port, and the address that it comes to is the task's own already"

QUIET = {
    ("nat", "PREROUTING", "-m addrtype --dst-type LOCAL -j DOCKER"): _EMPTY,
    ("nat", "OUTPUT", "! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER"): _EMPTY,
    ("nat", "DOCKER", "-i docker_gwbridge -j RETURN"): _EMPTY,
    ("nat", "DOCKER", "-i docker0 -j RETURN"): _EMPTY,
    ("nat", "DOCKER-INGRESS", "-j RETURN"): _LAST,
    ("filter", "FORWARD", "-j DOCKER-USER"): _EMPTY,
    ("filter", "FORWARD", "-o docker_gwbridge -j DOCKER"): _EMPTY,
    ("filter", "FORWARD", "-o docker0 -j DOCKER"): _EMPTY,
    ("filter", "FORWARD", "-i docker_gwbridge -o docker_gwbridge -j DROP"): "the policy, which is next, drops as well",
    ("filter", "DOCKER-INGRESS", "-j RETURN"): _LAST,
    ("filter", "DOCKER-ISOLATION-STAGE-1", "-j RETURN"): _LAST,
    ("filter", "DOCKER-ISOLATION-STAGE-2", "-j RETURN"): _LAST,
    ("filter", "DOCKER-USER", "-j RETURN"): _LAST,
    ("nat", "PREROUTING", "-d 10.255.0.5/32 -p tcp -m tcp --dport 8000 -j REDIRECT --to-ports 8000"): _TO_ITSELF,
    ("nat", "PREROUTING", "-d 10.255.0.7/32 -p tcp -m tcp --dport 8000 -j REDIRECT --to-ports 8000"): _TO_ITSELF,
}
"""Rules (table, chain, text) that packets meet without anything becoming of them that would not have anyway, and why.
That they are met is told by predict, and seen by trace, all the same."""

SPARE = 60
"""Of the packets that meet a quiet rule, so many are tried."""


@cache
def battery() -> tuple[tuple[str, Probe, tuple[Prediction, ...]], ...]:
    """What is sent in which world, and where it goes."""
    return tuple((world, probe, told(worlds()[world], probe)) for world, probe in flows())


def told(world: World, probe: Probe) -> tuple[Prediction, ...]:
    """With the answer, if predict was taught it."""
    try:
        return predict(world, probe, reply=True)
    except NotTaughtError:
        return predict(world, probe)


@cache
def meeting() -> dict[Place, list[int]]:
    """Which of the battery meet a rule, by number."""
    found: defaultdict[Place, list[int]] = defaultdict(list)
    for number, (_, _, predictions) in enumerate(battery()):
        for place in {place for each in predictions for place in met(each)}:
            found[place].append(number)
    return found


def met(prediction: Prediction) -> Iterator[Place]:
    for hop in hops(prediction):
        if hop.rule is not None:
            yield hop.at, hop.rule.table, hop.rule.chain, hop.rule.text


def hops(prediction: Prediction) -> Iterator[Hop]:
    journey = prediction.journey
    for way in (journey.request, journey.reply or Path(journey.request.source, ())):
        yield from way.hops


def fates(predictions: Sequence[Prediction]) -> list[Fate]:
    """What becomes of the packet and of its answer, whatever the rules that had it so."""
    return [tuple(_seen(hop) for hop in hops(each) if hop.stage is not Stage.RULE) for each in predictions]


def _seen(hop: Hop) -> tuple[object, ...]:
    return hop.at, hop.stage, hop.interface, hop.packet, hop.verdict


def without(world: World, place: Place) -> World:
    """The same without that rule."""
    at, table, name, text = place
    rules = world.states[at].rules
    chain = rules.chain(table, name)
    texts = [str(rule) for rule in chain.rules]
    number = texts.index(text)
    fewer = replace(chain, rules=(*chain.rules[:number], *chain.rules[number + 1 :]))
    return changed(world, at, rules=_with(rules, table, name, fewer))


def _with(rules: Ruleset, table: str, name: str, chain: Chain) -> Ruleset:
    return Ruleset({**rules.tables, table: Table({**rules.tables[table].chains, name: chain})})


def mutated(place: Place, number: int) -> tuple[Sequence[Prediction], Sequence[Prediction]]:
    """What is told of one of the battery with the rule and without it."""
    world, probe, before = battery()[number]
    return before, told(without(worlds()[world], place), probe)


def goes_another_way(place: Place, number: int) -> bool:
    before, after = mutated(place, number)
    return fates(before) != fates(after)


def is_told_otherwise(place: Place, number: int) -> bool:
    before, after = mutated(place, number)
    return before != after


def rules_of(at: NamespaceRef) -> list[Place]:
    return [
        (at, table, chain, str(rule))
        for table, chains in article()[at].rules.tables.items()
        for chain, held in chains.chains.items()
        for rule in held.rules
    ]


@pytest.mark.parametrize("at", [at for at, state in article().items() if state.rules.tables], ids=str)
def test_without_any_one_rule_some_packet_goes_another_way(at: NamespaceRef) -> None:
    for place in rules_of(at):
        numbers = meeting()[place]
        assert numbers, f"no packet meets {place}"
        if place[1:] in QUIET:
            tried = numbers[:: len(numbers) // SPARE + 1]
            assert all(is_told_otherwise(place, number) for number in tried), place
            assert not any(goes_another_way(place, number) for number in tried), f"{place} does decide something"
        else:
            assert any(goes_another_way(place, number) for number in numbers), f"{place} decides nothing"


def test_no_quiet_rule_is_listed_that_there_is_not() -> None:
    there = {place[1:] for at in article() for place in rules_of(at)}
    assert set(QUIET) <= there
