"""Namespaces with one thing wrong: what a comparison is worth shows in whether it notices."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface

from meshnet.netstate import Address, Bridge, Chain, Destination, Link, NetState, Rule, Ruleset, Table

OTHER = IPv4Address("203.0.113.9")


def of_rules(rules: Ruleset) -> Iterator[tuple[str, Ruleset]]:
    """Every rule left out, there twice, changed by each of its words, and after the one it stood before; every policy
    another."""
    for table, chains in rules.tables.items():
        for name, chain in chains.chains.items():
            for change, mutant in _of_chain(chain):
                yield f"{table} {name}: {change}", _with(rules, table, name, mutant)


def _of_chain(chain: Chain) -> Iterator[tuple[str, Chain]]:
    if chain.policy:
        yield f"policy {chain.policy}", replace(chain, policy="ACCEPT" if chain.policy == "DROP" else "DROP")
    for at, rule in enumerate(chain.rules):
        before, after = chain.rules[:at], chain.rules[at + 1 :]
        yield f"no {rule}", replace(chain, rules=(*before, *after))
        yield f"{rule} twice", replace(chain, rules=(*before, rule, rule, *after))
        for word in range(len(rule.words)):
            changed = _other_word(rule, word)
            yield f"{changed} for {rule}", replace(chain, rules=(*before, changed, *after))
        if after and after[0] != rule:
            yield f"{rule} later", replace(chain, rules=(*before, after[0], rule, *after[1:]))


def _other_word(rule: Rule, at: int) -> Rule:
    return Rule((*rule.words[:at], f"x{rule.words[at][1:]}", *rule.words[at + 1 :]))


def _with(rules: Ruleset, table: str, name: str, chain: Chain) -> Ruleset:
    chains = {**rules.tables[table].chains, name: chain}
    return Ruleset({**rules.tables, table: Table(chains)})


def of_the_rest(state: NetState) -> Iterator[tuple[str, NetState]]:
    """Everything but rules left out or changed."""
    yield from _of_links(state)
    for at, address in enumerate(state.addresses):
        for changed in ((), (_other_address(address),)):
            yield (
                f"{changed} for {address}",
                replace(state, addresses=(*state.addresses[:at], *changed, *state.addresses[at + 1 :])),
            )
    for field in ("routes", "neighbours", "fdb"):
        entries = getattr(state, field)
        for entry in entries:
            yield f"no {entry}", replace(state, **{field: entries - {entry}})
            yield f"{entry} elsewhere", replace(state, **{field: entries - {entry} | {replace(entry, link="other0")}})
    yield from _of_ipvs(state)
    for name in state.sysctls:
        yield f"{name}", replace(state, sysctls={**state.sysctls, name: "7"})


def _of_links(state: NetState) -> Iterator[tuple[str, NetState]]:
    for name, link in state.links.items():
        rest = {other: each for other, each in state.links.items() if other != name}
        yield f"no {name}", replace(state, links=rest)
        for changed in _other_links(link):
            yield f"{changed} for {link}", replace(state, links={**state.links, name: changed})


def _other_links(link: Link) -> Iterator[Link]:
    yield replace(link, mtu=link.mtu + 1)
    yield replace(link, up=not link.up)
    yield replace(link, master="other0")
    if not isinstance(link.kind, Bridge):
        yield replace(link, kind=Bridge())


def _other_address(address: Address) -> Address:
    return replace(address, interface=IPv4Interface((OTHER, address.interface.network.prefixlen)))


def _of_ipvs(state: NetState) -> Iterator[tuple[str, NetState]]:
    for mark, service in state.ipvs.items():
        rest = {other: each for other, each in state.ipvs.items() if other != mark}
        yield f"no {mark}", replace(state, ipvs=rest)
        for changed in (replace(service, scheduler="wrr"), replace(service, persistent=300)):
            yield f"{changed} for {service}", replace(state, ipvs={**state.ipvs, mark: changed})
        for at, server in enumerate(service.destinations):
            before, after = service.destinations[:at], service.destinations[at + 1 :]
            for others in ((), *((each,) for each in _other_servers(server))):
                without = replace(service, destinations=(*before, *others, *after))
                yield f"{others} for {server}", replace(state, ipvs={**state.ipvs, mark: without})


def _other_servers(server: Destination) -> Iterator[Destination]:
    yield replace(server, address=OTHER)
    yield replace(server, weight=0)
    yield replace(server, port=80)
    yield replace(server, forwarding="route")
