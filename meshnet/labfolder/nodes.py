"""The machines of the swarm, with what ``lab.yaml`` and ``--engine`` say of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from ipaddress import IPv4Network

from meshnet.compose.document import Document
from meshnet.errors import InputError
from meshnet.labfolder.overrides import OPTION_ENGINE, Engines, Overrides
from meshnet.labfolder.schema import LabFile, NodeFile
from meshnet.labfolder.topology import Layout
from meshnet.model import ClusterState
from meshnet.model.lab import Machine

LONGEST_BRIDGE_PREFIX = 28
"""A bridge's subnet holds the bridge, the ingress sandbox and the node's tasks."""


def machines_of(
    file: LabFile, document: Document, layout: Layout, overrides: Overrides
) -> tuple[tuple[Machine, ...], tuple[str, ...]]:
    """The machines in joining order, and a sentence for each that is described but no longer there.

    Raises ``InputError`` for a node nobody knows and for a bridge's subnet that cannot be among the machines'.
    """
    engines = Engines.parse(overrides.engines)
    names = [place.name for place in layout.places]
    for name in engines.nodes:
        if name not in names:
            raise InputError(no_such_node(name, names), where=OPTION_ENGINE)
    left_out = tuple(_left_out(file, document, names, overrides))
    machines = []
    for place in layout.places:
        told = file.nodes.get(place.name, NodeFile())
        _check_bridge(told, place.name, document, layout.subnets)
        machines.append(
            Machine(
                name=place.name,
                role=place.role,
                address=place.address,
                generation=engines.nodes.get(place.name) or engines.everywhere or told.engine or file.engine,
                gwbridge=told.gwbridge,
                labels={label: value or "" for label, value in told.labels.items()},
            )
        )
    return tuple(machines), left_out


def no_such_node(name: str, names: Sequence[str]) -> str:
    """The sentence for a node that is not there."""
    near = get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(names)}"
    return f"no node of the swarm is called {name!r}; {hint}"


def check_bridges(file: LabFile, document: Document, state: ClusterState) -> None:
    """Raise ``InputError`` for a bridge asked for that overlaps a network of the swarm: tasks are on both."""
    for node in state.nodes.values():
        bridge = file.nodes.get(node.name, NodeFile()).gwbridge
        for network in state.networks.values():
            if bridge is not None and bridge.overlaps(network.subnet):
                raise document.error(
                    ("nodes", node.name, "gwbridge"),
                    f"{bridge} overlaps {network.subnet} of the network {network.name}",
                )


def _left_out(file: LabFile, document: Document, names: list[str], overrides: Overrides) -> Iterator[str]:
    """Nodes that only the folder's own topology has are passed over when the command line asks for another one."""
    for name in file.nodes:
        if name in names:
            continue
        if overrides.topology is None:
            raise document.error(("nodes", name), no_such_node(name, names))
        yield f"{document.where(('nodes', name))}: the topology asked for has no {name}; its settings are left out"


def _check_bridge(told: NodeFile, name: str, document: Document, subnets: Sequence[IPv4Network]) -> None:
    bridge, place = told.gwbridge, ("nodes", name, "gwbridge")
    if bridge is None:
        return
    if bridge.prefixlen > LONGEST_BRIDGE_PREFIX:
        raise document.error(place, f"{bridge} is too small for a node's tasks; /{LONGEST_BRIDGE_PREFIX} is the least")
    for subnet in subnets:
        if bridge.overlaps(subnet):
            raise document.error(place, f"{bridge} overlaps {subnet}, where the machines stand")
