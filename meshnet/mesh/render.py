"""From what the swarm has decided to what every namespace should hold."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from meshnet.mesh.draft import Drafts
from meshnet.mesh.registry import BUILT_IN, Renderer
from meshnet.mesh.view import NodeView, SwarmView
from meshnet.model import ClusterState, Membership
from meshnet.netstate import Chain, NamespaceRef, NetState, Rule, Ruleset, Table


def render(
    state: ClusterState, *, without_ipvs: bool = False, plugins: Iterable[Renderer] = ()
) -> dict[NamespaceRef, NetState]:
    """What every namespace of every machine should hold, machine by machine, in the swarm or outside.

    ``plugins`` run after the built-in renderers (see ``installed_renderers``). ``without_ipvs`` is for a kernel that
    has no IPVS: IPVS services, rules that match on IPVS and its sysctls are left out, and nothing else.
    """
    renderers = (*BUILT_IN, *plugins)
    swarm = SwarmView(state)
    drafts = Drafts()
    for node in state.nodes.values():
        if node.membership is Membership.LEFT:
            continue  # a record of the managers'; the machine goes on as another
        view = NodeView(swarm, node)
        for renderer in renderers:
            renderer(view, drafts)
    rendered = {draft.ref: draft.freeze() for draft in drafts}
    return {ref: _less_ipvs(netstate) for ref, netstate in rendered.items()} if without_ipvs else rendered


def _less_ipvs(netstate: NetState) -> NetState:
    return replace(
        netstate,
        sysctls={name: value for name, value in netstate.sysctls.items() if not name.startswith("net.ipv4.vs.")},
        rules=Ruleset({name: _table_less_ipvs(table) for name, table in netstate.rules.tables.items()}).normalised(),
        ipvs={},
    )


def _table_less_ipvs(table: Table) -> Table:
    return Table({name: Chain(chain.policy, _rules_less_ipvs(chain.rules)) for name, chain in table.chains.items()})


def _rules_less_ipvs(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    return tuple(rule for rule in rules if ("-m", "ipvs") not in zip(rule.words, rule.words[1:], strict=False))
