"""``docker0`` and ``docker_gwbridge`` in the node's own namespace, and the chains that come with them.

The order of the iptables calls is libnetwork's (drivers/bridge/setup_ip_tables.go, firewall_linux.go), in the layout
that lasted to 28.0.0 (docker-swarm-facts sections 1.7 and 3).
"""

from __future__ import annotations

from ipaddress import IPv4Network

from meshnet.mesh import names
from meshnet.mesh.draft import Draft, Drafts
from meshnet.mesh.iptables import RulesetDraft
from meshnet.mesh.view import NodeView, bridge_address
from meshnet.netstate import Bridge, Link

UNDERLAY = "eth0"
"""The one interface of a node's namespace that the topology made and keeps. Whatever else lies in that namespace is the
engine's; a node with two underlay interfaces is not foreseen."""

TO_LOCAL = "-m addrtype --dst-type LOCAL"


def render(view: NodeView, drafts: Drafts) -> None:
    """Make the node's own namespace as an engine leaves it that has joined a swarm and runs nothing."""
    draft = drafts.make(view.host)
    engine = view.node.engine
    draft.leave_alone(UNDERLAY)
    _set_sysctls(draft, view)
    _start_daemon(draft.iptables)
    _add_bridge(draft, view, names.DOCKER0, engine.docker0, icc=True)
    _add_bridge(draft, view, names.GWBRIDGE, engine.gwbridge, icc=False)


def _set_sysctls(draft: Draft, view: NodeView) -> None:
    """The neighbour table's ``gc_thresh1..3``, which Docker raises too, exist in the kernel's first namespace only."""
    draft.set_sysctl("net.ipv4.ip_forward", "1")
    draft.set_sysctl("net.bridge.bridge-nf-call-iptables", "1")
    for name, value in view.generation.ipvs_sysctls.items():
        draft.set_sysctl(name, value)


def _start_daemon(iptables: RulesetDraft) -> None:
    """What an engine does first. It finds ``ip_forward`` off, turns it on, and so closes FORWARD."""
    iptables.policy("filter", "FORWARD", "DROP")
    iptables.new_chain("nat", "DOCKER")
    iptables.new_chain("filter", "DOCKER")
    for stage in ("DOCKER-ISOLATION-STAGE-1", "DOCKER-ISOLATION-STAGE-2"):
        iptables.new_chain("filter", stage)
        iptables.append("filter", stage, "-j RETURN")
    iptables.new_chain("filter", "DOCKER-USER")
    iptables.append("filter", "DOCKER-USER", "-j RETURN")


def _add_bridge(draft: Draft, view: NodeView, bridge: str, subnet: IPv4Network, *, icc: bool) -> None:
    """One bridge network; ``icc`` says whether containers on it may talk to each other across it."""
    draft.add_link(Link(bridge, Bridge(), mac=names.bridge_mac(view.node, bridge)))
    draft.add_address(bridge, bridge_address(subnet))
    draft.set_sysctl(f"net.ipv6.conf.{bridge}.accept_ra", "0")
    _masquerade(draft.iptables, bridge, subnet)
    _forward(draft.iptables, bridge, icc=icc)
    _isolate(draft.iptables, bridge)


def _masquerade(iptables: RulesetDraft, bridge: str, subnet: IPv4Network) -> None:
    iptables.insert("nat", "POSTROUTING", f"-s {subnet} ! -o {bridge} -j MASQUERADE")
    iptables.insert("nat", "DOCKER", f"-i {bridge} -j RETURN")
    iptables.append_once("nat", "PREROUTING", f"{TO_LOCAL} -j DOCKER")
    iptables.append_once("nat", "OUTPUT", f"! -d 127.0.0.0/8 {TO_LOCAL} -j DOCKER")


def _forward(iptables: RulesetDraft, bridge: str, *, icc: bool) -> None:
    if icc:
        iptables.insert("filter", "FORWARD", f"-i {bridge} -o {bridge} -j ACCEPT")
    else:
        iptables.append("filter", "FORWARD", f"-i {bridge} -o {bridge} -j DROP")
    iptables.insert("filter", "FORWARD", f"-i {bridge} ! -o {bridge} -j ACCEPT")
    iptables.insert("filter", "FORWARD", f"-o {bridge} -j DOCKER")
    iptables.insert("filter", "FORWARD", f"-o {bridge} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT")


def _isolate(iptables: RulesetDraft, bridge: str) -> None:
    """Keep bridge networks apart, and keep the operator's chain above everything."""
    iptables.insert("filter", "DOCKER-ISOLATION-STAGE-1", f"-i {bridge} ! -o {bridge} -j DOCKER-ISOLATION-STAGE-2")
    iptables.insert("filter", "DOCKER-ISOLATION-STAGE-2", f"-o {bridge} -j DROP")
    iptables.move_to_top("filter", "FORWARD", "-j DOCKER-ISOLATION-STAGE-1")
    iptables.move_to_top("filter", "FORWARD", "-j DOCKER-USER")
