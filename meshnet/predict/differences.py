"""What namespaces hold other than they should, thing by thing, so that each can be put right on paper alone."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from ipaddress import IPv4Address
from typing import TypeVar
from zlib import crc32

from meshnet.netstate import FdbEntry, Link, NamespaceRef, Neighbour, NetState, Veth
from meshnet.netstate.ruleset import BUILTIN_CHAINS, Chain, Ruleset, Table
from meshnet.path import Cause
from meshnet.predict import amiss

States = Mapping[NamespaceRef, NetState]
Mend = Callable[[NetState], NetState]

_FORWARDING = "net.ipv4.ip_forward"
_Item = TypeVar("_Item", Neighbour, FdbEntry)


@dataclass(frozen=True, slots=True)
class Difference:
    """``kind`` is the field of ``NetState`` that it is in, ``link`` the interface that it is of or on, if there is one.
    ``cause`` says what is otherwise and what puts it right; ``mends`` do so on paper, in one namespace after another.
    """

    at: NamespaceRef
    kind: str
    cause: Cause
    mends: tuple[tuple[NamespaceRef, Mend], ...]
    link: str = ""


def put_right(states: States, differences: Iterable[Difference]) -> dict[NamespaceRef, NetState]:
    """What namespaces hold once all of ``differences`` are gone."""
    mended = dict(states)
    for difference in differences:
        for at, mend in difference.mends:
            mended[at] = mend(mended[at])
    return mended


def differences(states: States, wanted: States) -> Iterator[Difference]:
    """All that is otherwise in ``states`` than in ``wanted``, in namespaces that are in both. Interfaces that are
    foreign in ``wanted``, what is on them, and sysctls that only one of the two tells of, are left alone."""
    for at, want in wanted.items():
        have = states.get(at)
        if have is not None:
            yield from _links(at, have, want, wanted)
            yield from _sysctls(at, have, want)
            yield from _addresses(at, have, want)
            yield from _routes(at, have, want)
            yield from _neighbours(at, have, want)
            yield from _fdb(at, have, want)
            yield from _rules(at, have.rules.normalised(), want.rules.normalised())
            yield from _ipvs(at, have, want)


def _links(at: NamespaceRef, have: NetState, want: NetState, wanted: States) -> Iterator[Difference]:
    for name, link in want.links.items():
        there = have.links.get(name)
        if there is None:
            if _is_told_of_here(at, link, wanted):
                yield Difference(at, "links", amiss.no_link(link), tuple(_makings(at, link, wanted)), name)
        elif not _fits(there, link):
            yield Difference(at, "links", amiss.other_link(there, link), ((at, partial(_with_link, link)),), name)


def _fits(there: Link, wanted: Link) -> bool:
    """A MAC that may be any is as it should be."""
    return there == replace(wanted, mac=wanted.mac or there.mac)


def _is_told_of_here(at: NamespaceRef, link: Link, wanted: States) -> bool:
    """A veth has two ends that go together: it is missed where it had an address."""
    end = _other_end(link, wanted)
    if end is None:
        return True
    here, there = (any(it.link == name for it in wanted[ref].addresses) for ref, name in ((at, link.name), end))
    return here or (not there and (at, link.name) < end)


def _makings(at: NamespaceRef, link: Link, wanted: States) -> Iterator[tuple[NamespaceRef, Mend]]:
    yield at, partial(_with_link, link)
    end = _other_end(link, wanted)
    if end is not None and end[1] in wanted[end[0]].links:
        yield end[0], partial(_with_link, wanted[end[0]].links[end[1]])


def _other_end(link: Link, wanted: States) -> tuple[NamespaceRef, str] | None:
    """Of a veth, if it is in a namespace that something is known of."""
    kind = link.kind
    if not isinstance(kind, Veth) or kind.peer is None or kind.peer_namespace is None:
        return None
    return (kind.peer_namespace, kind.peer) if kind.peer_namespace in wanted else None


def _with_link(link: Link, state: NetState) -> NetState:
    there = state.links.get(link.name)
    mac = link.mac or (there.mac if there else None) or _made_up(link.name)
    return replace(state, links={**state.links, link.name: replace(link, mac=mac)})


def _made_up(name: str) -> str:
    """A MAC in place of one that the kernel would draw."""
    digits = f"{crc32(name.encode()):08x}"
    return ":".join(("06", "00", *(digits[at : at + 2] for at in range(0, 8, 2))))


def _sysctls(at: NamespaceRef, have: NetState, want: NetState) -> Iterator[Difference]:
    for name, value in want.sysctls.items():
        there = have.sysctls.get(name, value)
        if there != value:
            yield Difference(at, "sysctls", amiss.other_sysctl(name, there, value), ((at, partial(_set, name, value)),))


def _set(name: str, value: str, state: NetState) -> NetState:
    """Setting ``ip_forward`` sets it for every interface."""
    kept = {
        other: it for other, it in state.sysctls.items() if name != _FORWARDING or not other.endswith(".forwarding")
    }
    return replace(state, sysctls={**kept, name: value})


def _addresses(at: NamespaceRef, have: NetState, want: NetState) -> Iterator[Difference]:
    there = {(each.link, each.interface): each for each in have.addresses if each.link not in want.foreign}
    wished = {(each.link, each.interface): each for each in want.addresses if each.link not in want.foreign}
    for key, address in wished.items():
        if key not in there:
            mend = partial(_changed, "addresses", add=(address,))
            yield Difference(at, "addresses", amiss.no_address(address), ((at, mend),), address.link)
    for key, address in there.items():
        if key not in wished:
            mend = partial(_changed, "addresses", drop=(address,))
            yield Difference(at, "addresses", amiss.needless_address(address), ((at, mend),), address.link)


def _routes(at: NamespaceRef, have: NetState, want: NetState) -> Iterator[Difference]:
    there, wished = ({each for each in state.routes if each.link not in want.foreign} for state in (have, want))
    for route in sorted(wished - there, key=str):
        mend = partial(_changed, "routes", add=(route,))
        yield Difference(at, "routes", amiss.no_route(route), ((at, mend),), route.link)
    for route in sorted(there - wished, key=str):
        mend = partial(_changed, "routes", drop=(route,))
        yield Difference(at, "routes", amiss.needless_route(route), ((at, mend),), route.link)


def _neighbours(at: NamespaceRef, have: NetState, want: NetState) -> Iterator[Difference]:
    """Those of VXLAN devices, and of others such as somebody put there."""

    def key(each: Neighbour) -> tuple[str, IPv4Address]:
        return each.link, each.address

    for there, wished in _pairs(have.neighbours, want.neighbours, want.foreign, key):
        cause = amiss.neighbour(there[0] if there else None, wished[0] if wished else None)
        mend = partial(_changed, "neighbours", add=wished, drop=there)
        yield Difference(at, "neighbours", cause, ((at, mend),), (there or wished)[0].link)


def _fdb(at: NamespaceRef, have: NetState, want: NetState) -> Iterator[Difference]:
    def key(each: FdbEntry) -> tuple[str, str]:
        return each.link, each.mac

    for there, wished in _pairs(have.fdb, want.fdb, want.foreign, key):
        cause = amiss.fdb(there[0] if there else None, wished[0] if wished else None)
        mend = partial(_changed, "fdb", add=wished, drop=there)
        yield Difference(at, "fdb", cause, ((at, mend),), (there or wished)[0].link)


def _pairs(
    have: Iterable[_Item], want: Iterable[_Item], foreign: Collection[str], key: Callable[[_Item], object]
) -> Iterator[tuple[tuple[_Item, ...], tuple[_Item, ...]]]:
    """What is there and what should be, of each key of which the two differ."""
    found: dict[object, tuple[list[_Item], list[_Item]]] = {}
    for side, items in enumerate((have, want)):
        for each in sorted((item for item in items if item.link not in foreign), key=str):
            found.setdefault(key(each), ([], []))[side].append(each)
    for there, wished in found.values():
        if there != wished:
            yield tuple(there), tuple(wished)


def _changed(kind: str, state: NetState, *, add: Collection[object] = (), drop: Collection[object] = ()) -> NetState:
    there = getattr(state, kind)
    return replace(state, **{kind: type(there)([*(each for each in there if each not in drop), *add])})


def _rules(at: NamespaceRef, have: Ruleset, want: Ruleset) -> Iterator[Difference]:
    """Chain by chain. A user's chain that nobody ordered does nothing without a rule elsewhere that jumps to it."""
    for table, chain in _chains(have, want):
        there, wished = have.chain(table, chain), want.chain(table, chain)
        if there != wished:
            cause = amiss.chain(table, chain, there, wished)
            yield Difference(at, "rules", cause, ((at, partial(_with_chain, table, chain, wished)),))


def _chains(have: Ruleset, want: Ruleset) -> Iterator[tuple[str, str]]:
    for table in dict.fromkeys((*want.tables, *have.tables)):
        wished, there = (each.tables.get(table, Table()).chains for each in (want, have))
        built_in = [chain for chain in there if chain in BUILTIN_CHAINS.get(table, ())]
        yield from ((table, chain) for chain in dict.fromkeys((*wished, *built_in)))


def _with_chain(table: str, chain: str, wished: Chain, state: NetState) -> NetState:
    tables = state.rules.tables
    chains = {**tables.get(table, Table()).chains, chain: wished}
    return replace(state, rules=Ruleset({**tables, table: Table(chains)}))


def _ipvs(at: NamespaceRef, have: NetState, want: NetState) -> Iterator[Difference]:
    """Service by service: the order of real servers that came and went says nothing."""
    for mark in dict.fromkeys((*want.ipvs, *have.ipvs)):
        there, wished = have.ipvs.get(mark), want.ipvs.get(mark)
        cause = amiss.service(mark, there, wished)
        if cause is not None:
            yield Difference(at, "ipvs", cause, ((at, partial(_with_service, mark, want)),))


def _with_service(mark: int, want: NetState, state: NetState) -> NetState:
    kept = {other: service for other, service in state.ipvs.items() if other != mark}
    return replace(state, ipvs={**kept, **({mark: want.ipvs[mark]} if mark in want.ipvs else {})})
