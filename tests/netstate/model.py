"""A kernel on paper: plays a plan's changes on namespaces, as strictly as the real one, and says what they hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address

from meshnet.netstate import (
    Address,
    Chain,
    Destination,
    FdbEntry,
    Link,
    NamespaceRef,
    Neighbour,
    NetState,
    Route,
    Rule,
    Ruleset,
    Table,
    Veth,
    VirtualService,
    Vxlan,
)
from meshnet.netstate import change as c
from meshnet.netstate import ruleset_change as r
from meshnet.netstate.ruleset import BUILTIN_CHAINS
from meshnet.netstate.state import NO_MAC


@dataclass
class Space:
    """One namespace, to be written to."""

    links: dict[str, Link] = field(default_factory=dict)
    addresses: list[Address] = field(default_factory=list)
    routes: set[Route] = field(default_factory=set)
    neighbours: dict[tuple[str, IPv4Address], Neighbour] = field(default_factory=dict)
    fdb: set[FdbEntry] = field(default_factory=set)
    sysctls: dict[str, str] = field(default_factory=dict)
    policies: dict[tuple[str, str], str] = field(default_factory=dict)
    chains: dict[tuple[str, str], list[Rule]] = field(default_factory=dict)
    services: dict[int, VirtualService] = field(default_factory=dict)
    servers: dict[int, dict[tuple[IPv4Address, int], Destination]] = field(default_factory=dict)
    foreign: frozenset[str] = frozenset()

    @classmethod
    def of(cls, state: NetState) -> Space:
        space = cls(dict(state.links), list(state.addresses), set(state.routes), foreign=state.foreign)
        space.neighbours = {(entry.link, entry.address): entry for entry in state.neighbours}
        space.fdb = set(state.fdb)
        space.sysctls = dict(state.sysctls)
        for table, chains in BUILTIN_CHAINS.items():
            space.chains |= {(table, chain): [] for chain in chains}
            space.policies |= {(table, chain): "ACCEPT" for chain in chains}
        for name, content_of_table in state.rules.tables.items():
            for chain, content in content_of_table.chains.items():
                space.chains[name, chain] = list(content.rules)
                if content.policy is not None:
                    space.policies[name, chain] = content.policy
        space.services = {mark: replace(service, destinations=()) for mark, service in state.ipvs.items()}
        space.servers = {
            mark: {(server.address, server.port): server for server in service.destinations}
            for mark, service in state.ipvs.items()
        }
        return space

    def freeze(self) -> NetState:
        tables: dict[str, dict[str, Chain]] = {}
        for (table, chain), rules in self.chains.items():
            tables.setdefault(table, {})[chain] = Chain(self.policies.get((table, chain)), tuple(rules))
        return NetState(
            links=self.links,
            addresses=tuple(self.addresses),
            routes=frozenset(self.routes),
            neighbours=frozenset(self.neighbours.values()),
            fdb=frozenset(self.fdb),
            sysctls=self.sysctls,
            rules=Ruleset({name: Table(chains) for name, chains in tables.items()}).normalised(),
            ipvs={
                mark: replace(service, destinations=tuple(self.servers[mark].values()))
                for mark, service in self.services.items()
            },
            foreign=self.foreign,
        )

    def clear_link(self, name: str) -> None:
        """A device goes, and all that lies on it."""
        del self.links[name]
        self.links = {
            other: replace(link, master=None) if link.master == name else link for other, link in self.links.items()
        }
        self.addresses = [item for item in self.addresses if item.link != name]
        self.routes = {item for item in self.routes if item.link != name}
        self.neighbours = {key: item for key, item in self.neighbours.items() if item.link != name}
        self.fdb = {item for item in self.fdb if item.link != name}

    def drop_address(self, address: Address) -> None:
        place = self.addresses.index(address)
        same = [
            other
            for other in self.addresses
            if other.link == address.link and other.interface.network == address.interface.network
        ]
        lost = same if same[0] == address else [address]
        del self.addresses[place]
        self.addresses = [other for other in self.addresses if other not in lost]
        if address.link != "lo" and all(other.link != address.link for other in self.addresses):
            self.routes = {route for route in self.routes if route.link != address.link}


class World:
    """All namespaces. Each method plays one kind of change and asserts what the kernel would insist on."""

    def __init__(self, states: Mapping[NamespaceRef, NetState]) -> None:
        self.spaces = {ref: Space.of(state) for ref, state in states.items()}
        self.vanishing: list[tuple[NamespaceRef, str]] = []

    def states(self) -> dict[NamespaceRef, NetState]:
        return {ref: space.freeze() for ref, space in self.spaces.items()}

    def play(self, plan: c.Plan) -> dict[NamespaceRef, NetState]:
        for change in plan:
            self._play(change)
        assert all(ref not in self.spaces for ref, _ in self.vanishing)
        return self.states()

    def _play(self, change: c.Change) -> None:
        if isinstance(change, c.MakeNamespace):
            assert change.namespace not in self.spaces
            self.spaces[change.namespace] = Space.of(NetState())
            return
        space = self.spaces[change.namespace]
        match change:
            case c.DropNamespace(ref):
                self._drop_namespace(ref)
            case c.AddLink(ref, link, peer):
                self._add_link(ref, link, peer)
            case c.DropLink(ref, name):
                self._drop_link(ref, name)
            case c.SetLink(_, link, old):
                assert link.name == "lo" or space.links[link.name] == old
                assert link.master is None or link.master in space.links
                space.links[link.name] = replace(link, mac=link.mac or old.mac)
                if link.name == "lo":
                    del space.links["lo"]
            case c.SetSysctl(_, name, value):
                space.sysctls[name] = value
            case c.ChangeRules(_, tables):
                for table in tables:
                    self._change_table(space, table)
            case _:
                _play_on(space, change)

    def _add_link(self, ref: NamespaceRef, link: Link, peer: Link | None) -> None:
        ends = [(ref, link)]
        if peer is not None:
            assert isinstance(link.kind, Veth)
            assert link.kind.peer_namespace is not None
            ends.append((link.kind.peer_namespace, peer))
        for where, end in ends:
            assert end.name not in self.spaces[where].links
            self.spaces[where].links[end.name] = end
        for where, end in ends:
            assert end.master is None or end.master in self.spaces[where].links

    def _drop_link(self, ref: NamespaceRef, name: str) -> None:
        link = self.spaces[ref].links[name]
        self.spaces[ref].clear_link(name)
        if isinstance(link.kind, Veth) and link.kind.peer_namespace in self.spaces and link.kind.peer:
            self.spaces[link.kind.peer_namespace].clear_link(link.kind.peer)

    def _drop_namespace(self, ref: NamespaceRef) -> None:
        """What hangs on it vanishes at some later time, so none of it may matter by then."""
        for link in self.spaces.pop(ref).links.values():
            assert not isinstance(link.kind, Vxlan)
            if isinstance(link.kind, Veth) and link.kind.peer_namespace and link.kind.peer:
                self.vanishing.append((link.kind.peer_namespace, link.kind.peer))

    def _change_table(self, space: Space, change: r.TableChange) -> None:
        table = change.table
        for one in change.changes:
            chain = (table, one.chain)
            match one:
                case r.NewChain():
                    assert chain not in space.chains
                    space.chains[chain] = []
                case r.EmptyChain():
                    space.chains[chain].clear()
                case r.DropChain():
                    assert not space.chains.pop(chain)
                case r.SetPolicy(_, policy):
                    assert chain in space.policies
                    space.policies[chain] = policy
                case r.InsertRule(_, rule, position):
                    rules = space.chains[chain]
                    place = len(rules) if position is None else position - 1
                    assert 0 <= place <= len(rules)
                    rules.insert(place, rule)
                case r.DeleteRule(_, rule, position):
                    rules = space.chains[chain]
                    place = rules.index(rule) if position is None else position - 1
                    assert rules.pop(place) == rule
        for rules in (rules for (name, _), rules in space.chains.items() if name == table):
            for rule in rules:
                if rule.words[-2] == "-j" and rule.words[-1].startswith("X"):
                    assert (table, rule.words[-1]) in space.chains


def _play_on(space: Space, change: c.Change) -> None:
    match change:
        case c.AddAddress(_, address):
            assert address.link == "lo" or address.link in space.links
            if address not in space.addresses:
                space.addresses.append(address)
        case c.DropAddress(_, address):
            space.drop_address(address)
        case c.AddRoute(_, route):
            assert not route.link or space.links[route.link].up
            assert all((route.destination, route.metric) != (o.destination, o.metric) for o in space.routes)
            space.routes.add(route)
        case c.DropRoute(_, route):
            space.routes.remove(route)
        case c.AddNeighbour(_, entry):
            assert entry.link in space.links
            space.neighbours[entry.link, entry.address] = entry
        case c.DropNeighbour(_, entry):
            assert space.neighbours.pop((entry.link, entry.address)) == entry
        case c.AddFdbEntry(_, entry):
            assert entry.link in space.links
            if entry.mac != NO_MAC:
                space.fdb = {o for o in space.fdb if (o.link, o.mac) != (entry.link, entry.mac)}
            space.fdb.add(entry)
        case c.DropFdbEntry(_, entry):
            space.fdb.remove(entry)
        case c.AddVirtualService(_, service):
            assert service.mark not in space.services
            space.services[service.mark] = service
            space.servers[service.mark] = {}
        case c.SetVirtualService(_, service):
            assert service.mark in space.services
            space.services[service.mark] = service
        case c.DropVirtualService(_, service):
            del space.services[service.mark], space.servers[service.mark]
        case c.AddDestination(_, mark, server):
            assert (server.address, server.port) not in space.servers[mark]
            space.servers[mark][server.address, server.port] = server
        case c.SetDestination(_, mark, server, old):
            assert space.servers[mark][server.address, server.port] == old
            space.servers[mark][server.address, server.port] = server
        case c.DropDestination(_, mark, server):
            assert space.servers[mark].pop((server.address, server.port)) == server
        case _:
            raise AssertionError(f"expected a change the model knows, found {change}")
