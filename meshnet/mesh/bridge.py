"""The bridges in the node's own namespace, and the chains that come with them: ``docker0``, ``docker_gwbridge``, and
the networks that somebody made.

The order of the iptables calls is libnetwork's (drivers/bridge/setup_ip_tables.go, firewall_linux.go), in the layout
that lasted to 28.0.0 (docker-swarm-facts sections 1.7 and 3).
"""

from __future__ import annotations

from meshnet.mesh import names, node_bridge
from meshnet.mesh.draft import Draft, Drafts
from meshnet.mesh.iptables import RulesetDraft
from meshnet.mesh.node_bridge import NodeBridge
from meshnet.mesh.view import NodeView
from meshnet.netstate import Bridge, Link

UNDERLAY = "eth0"
"""The one interface of a node's namespace that the topology made and keeps. Whatever else lies in that namespace is the
engine's; a node with two underlay interfaces is not foreseen."""

TO_LOCAL = "-m addrtype --dst-type LOCAL"

STAGE_1 = "DOCKER-ISOLATION-STAGE-1"
STAGE_2 = "DOCKER-ISOLATION-STAGE-2"


def render(view: NodeView, drafts: Drafts) -> None:
    """Make the node's own namespace as an engine leaves it that runs nothing, in a swarm or outside."""
    draft = drafts.make(view.host)
    draft.leave_alone(UNDERLAY)
    _set_sysctls(draft, view)
    _start_daemon(draft.iptables)
    for bridge in node_bridge.of_node(view.state, view.node):
        _add_bridge(draft, view, bridge)


def _set_sysctls(draft: Draft, view: NodeView) -> None:
    """The neighbour table's ``gc_thresh1..3``, which Docker raises too, exist in the kernel's first namespace only.

    Those of IPVS come with the first swarm, as ``docker_gwbridge`` does, and stay.
    """
    draft.set_sysctl("net.ipv4.ip_forward", "1")
    draft.set_sysctl("net.bridge.bridge-nf-call-iptables", "1")
    if view.node.engine.gwbridge_made:
        for name, value in view.generation.ipvs_sysctls.items():
            draft.set_sysctl(name, value)


def _start_daemon(iptables: RulesetDraft) -> None:
    """What an engine does first. It finds ``ip_forward`` off, turns it on, and so closes FORWARD."""
    iptables.policy("filter", "FORWARD", "DROP")
    iptables.new_chain("nat", "DOCKER")
    iptables.new_chain("filter", "DOCKER")
    for stage in (STAGE_1, STAGE_2):
        iptables.new_chain("filter", stage)
        iptables.append("filter", stage, "-j RETURN")
    iptables.new_chain("filter", "DOCKER-USER")
    iptables.append("filter", "DOCKER-USER", "-j RETURN")


def _add_bridge(draft: Draft, view: NodeView, bridge: NodeBridge) -> None:
    draft.add_link(Link(bridge.link, Bridge(), mac=names.bridge_mac(view.node, bridge.link), mtu=bridge.mtu))
    draft.add_address(bridge.link, bridge.address)
    draft.set_sysctl(f"net.ipv6.conf.{bridge.link}.accept_ra", "0")
    if bridge.internal:
        _shut_in(draft.iptables, bridge)
    else:
        _masquerade(draft.iptables, bridge)
        _forward(draft.iptables, bridge)
        _isolate(draft.iptables, bridge)
    draft.iptables.move_to_top("filter", "FORWARD", f"-j {STAGE_1}")
    draft.iptables.move_to_top("filter", "FORWARD", "-j DOCKER-USER")


def _shut_in(iptables: RulesetDraft, bridge: NodeBridge) -> None:
    """An internal network: nothing goes in or out but what stays within its subnet."""
    iptables.insert("filter", STAGE_1, f"! -d {bridge.subnet} -i {bridge.link} -j DROP")
    iptables.insert("filter", STAGE_1, f"! -s {bridge.subnet} -o {bridge.link} -j DROP")
    _set_icc(iptables, bridge)


def _masquerade(iptables: RulesetDraft, bridge: NodeBridge) -> None:
    if bridge.masquerade:
        iptables.insert("nat", "POSTROUTING", f"-s {bridge.subnet} ! -o {bridge.link} -j MASQUERADE")
        iptables.insert("nat", "DOCKER", f"-i {bridge.link} -j RETURN")
    iptables.append_once("nat", "PREROUTING", f"{TO_LOCAL} -j DOCKER")
    iptables.append_once("nat", "OUTPUT", f"! -d 127.0.0.0/8 {TO_LOCAL} -j DOCKER")


def _forward(iptables: RulesetDraft, bridge: NodeBridge) -> None:
    link = bridge.link
    _set_icc(iptables, bridge)
    iptables.insert("filter", "FORWARD", f"-i {link} ! -o {link} -j ACCEPT")
    iptables.insert("filter", "FORWARD", f"-o {link} -j DOCKER")
    iptables.insert("filter", "FORWARD", f"-o {link} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT")


def _set_icc(iptables: RulesetDraft, bridge: NodeBridge) -> None:
    if bridge.icc:
        iptables.insert("filter", "FORWARD", f"-i {bridge.link} -o {bridge.link} -j ACCEPT")
    else:
        iptables.append("filter", "FORWARD", f"-i {bridge.link} -o {bridge.link} -j DROP")


def _isolate(iptables: RulesetDraft, bridge: NodeBridge) -> None:
    """Keep bridge networks apart."""
    iptables.insert("filter", STAGE_1, f"-i {bridge.link} ! -o {bridge.link} -j {STAGE_2}")
    iptables.insert("filter", STAGE_2, f"-o {bridge.link} -j DROP")
