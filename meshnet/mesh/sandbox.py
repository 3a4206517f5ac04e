"""What the namespace of every container has, a task's or another: its interfaces and its way out."""

from __future__ import annotations

from meshnet.mesh import names
from meshnet.mesh.draft import Draft, Drafts, plug
from meshnet.mesh.overlay import disable_ipv6, join
from meshnet.mesh.view import Leg, NodeView, Occupant
from meshnet.model import Attachment


def make(view: NodeView, drafts: Drafts, occupant: Occupant) -> Draft:
    """Make its namespace, and plug it in wherever it has a place."""
    draft = drafts.make(view.sandbox(occupant))
    disable_ipv6(draft)
    for name, value in view.generation.task_sysctls.items():
        draft.set_sysctl(name, value)
    for interface in view.interfaces(occupant):
        match interface.place:
            case Attachment() as attachment:
                _join_overlay(draft, view, drafts, occupant, attachment, interface.name)
            case Leg() as leg:
                join_bridge(draft, interface.name, leg, drafts[view.host])
    way_out = view.way_out(occupant)
    if way_out is not None:
        draft.add_default_route(way_out.name, way_out.leg.bridge.address.ip)
    return draft


def join_bridge(sandbox: Draft, name: str, leg: Leg, host: Draft) -> None:
    """Give a sandbox its interface on a bridge of the node."""
    link, mtu = leg.bridge.link, leg.bridge.mtu
    plug(sandbox, name, names.mac_of(leg.address.ip), into=host, bridge=link, port=leg.port, mtu=mtu)
    sandbox.add_address(name, leg.address)


def _join_overlay(
    draft: Draft, view: NodeView, drafts: Drafts, occupant: Occupant, attachment: Attachment, name: str
) -> None:
    network = view.state.networks[attachment.network]
    port = names.overlay_port(view.node, network, occupant.container)
    join(draft, name, attachment.address, drafts[view.overlay(network)], network, port)
