"""Everything that is in one state or another: what may be there when a change from one to the other broke off."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from meshnet.netstate.ipvs import VirtualService
from meshnet.netstate.namespace import NamespaceRef
from meshnet.netstate.ruleset import Chain, Ruleset, Table
from meshnet.netstate.state import NetState


def union(one: Mapping[NamespaceRef, NetState], other: Mapping[NamespaceRef, NetState]) -> dict[NamespaceRef, NetState]:
    """All namespaces of both with all that they have in either; of what they have differently, ``other``'s."""
    return {
        ref: _state(one[ref], other[ref]) if ref in one and ref in other else (other.get(ref) or one[ref])
        for ref in {**one, **other}
    }


def _state(one: NetState, other: NetState) -> NetState:
    return NetState(
        links={**one.links, **other.links},
        addresses=tuple(dict.fromkeys((*one.addresses, *other.addresses))),
        routes=one.routes | other.routes,
        neighbours=one.neighbours | other.neighbours,
        fdb=one.fdb | other.fdb,
        sysctls={**one.sysctls, **other.sysctls},
        rules=_rules(one.rules, other.rules),
        ipvs={mark: _service(one.ipvs.get(mark), other.ipvs.get(mark)) for mark in {**one.ipvs, **other.ipvs}},
        foreign=one.foreign | other.foreign,
    )


def _service(*services: VirtualService | None) -> VirtualService:
    there = [service for service in services if service is not None]
    servers = dict.fromkeys(server for service in there for server in service.destinations)
    return replace(there[-1], destinations=tuple(servers))


def _rules(one: Ruleset, other: Ruleset) -> Ruleset:
    tables = {}
    for name in {**one.tables, **other.tables}:
        mine, theirs = one.tables.get(name, Table()).chains, other.tables.get(name, Table()).chains
        tables[name] = Table({chain: _chain(mine.get(chain), theirs.get(chain)) for chain in {**mine, **theirs}})
    return Ruleset(tables)


def _chain(*chains: Chain | None) -> Chain:
    there = [chain for chain in chains if chain is not None]
    rules = dict.fromkeys(rule for chain in there for rule in chain.rules)
    return Chain(there[-1].policy, tuple(rules))
