"""What should be under the mesh: the topology's interfaces, addresses and routes, and machines that are in no swarm."""

from __future__ import annotations

from dataclasses import replace

from meshnet.netstate import NamespaceRef, NetState
from meshnet.predict.diagnosis import States


def ground(states: States, underlay: States, mesh: States) -> dict[NamespaceRef, NetState]:
    """What ``underlay`` says of namespaces, with all that is not its business left foreign, or as it is in ``states``.

    Where the mesh is as well, that is all but the topology's interfaces: rules, routes that are on none, ``lo``.
    """
    return {
        at: replace(
            laid,
            foreign=frozenset({"lo", "", *states[at].links} - laid.links.keys()) if at in mesh else frozenset({"lo"}),
            rules=states[at].rules if at in mesh else laid.rules,
            ipvs=states[at].ipvs,
        )
        for at, laid in underlay.items()
        if at in states
    }
