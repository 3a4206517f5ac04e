"""Task namespaces: their interfaces, their way out, and what guards their ingress address.

docker-swarm-facts sections 1.3 and 1.9; libnetwork service_linux.go redirecter.
"""

from __future__ import annotations

from ipaddress import IPv4Address

from meshnet.mesh import names
from meshnet.mesh.draft import Draft, Drafts
from meshnet.mesh.ingress import join_bridge
from meshnet.mesh.iptables import RulesetDraft
from meshnet.mesh.overlay import disable_ipv6, join
from meshnet.mesh.view import NodeView
from meshnet.model import Attachment, PortConfig, Task


def render(view: NodeView, drafts: Drafts) -> None:
    """Make the namespace of every task that runs on the node."""
    for task in view.tasks:
        draft = drafts.make(view.sandbox(task))
        disable_ipv6(draft)
        for name, value in view.generation.task_sysctls.items():
            draft.set_sysctl(name, value)
        _connect(draft, view, drafts, task)
        _guard(draft.iptables, view, task)


def _connect(draft: Draft, view: NodeView, drafts: Drafts, task: Task) -> None:
    """The first overlay, the gateway, then the other overlays: interfaces are made in that order."""
    links, gateway_link = view.task_links(task)
    legs = list(zip(task.attachments, links, strict=True))
    for attachment, name in legs[:1]:
        _join_overlay(draft, view, drafts, task, attachment, name)
    leg = view.leg(task.container)
    if leg is not None:
        join_bridge(draft, gateway_link, leg, drafts[view.host], names.bridge_port(view.node, task.container))
    for attachment, name in legs[1:]:
        _join_overlay(draft, view, drafts, task, attachment, name)


def _join_overlay(draft: Draft, view: NodeView, drafts: Drafts, task: Task, attachment: Attachment, name: str) -> None:
    network = view.state.networks[attachment.network]
    port = names.overlay_port(view.node, network, task.container)
    join(draft, name, attachment.address, drafts[view.overlay(network)], network, port)


def _guard(iptables: RulesetDraft, view: NodeView, task: Task) -> None:
    ingress = view.ingress
    address = task.address_on(ingress.id) if ingress else None
    ports = view.state.services[task.service].ingress_ports
    if address is None or not ports:
        return
    for port in ports:
        _admit(iptables, address.ip, port)
    for protocol in ("sctp", "udp", "tcp"):
        iptables.append("filter", "INPUT", f"-d {address.ip}/32 -p {protocol} -j DROP")
        iptables.append("filter", "OUTPUT", f"-s {address.ip}/32 -p {protocol} -j DROP")


def _admit(iptables: RulesetDraft, address: IPv4Address, port: PortConfig) -> None:
    """One published port: it becomes the target port here, and only that may be reached, and only answered from."""
    protocol = f"-p {port.protocol} -m {port.protocol}"
    conntrack = "-m conntrack --ctstate"
    iptables.append(
        "nat",
        "PREROUTING",
        f"-d {address}/32 {protocol} --dport {port.published} -j REDIRECT --to-ports {port.target}",
    )
    iptables.insert(
        "filter", "INPUT", f"-d {address}/32 {protocol} --dport {port.target} {conntrack} NEW,ESTABLISHED -j ACCEPT"
    )
    iptables.insert(
        "filter", "OUTPUT", f"-s {address}/32 {protocol} --sport {port.target} {conntrack} ESTABLISHED -j ACCEPT"
    )
