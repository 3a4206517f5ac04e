"""Task namespaces: their interfaces, their way out, and what guards their ingress address.

docker-swarm-facts sections 1.3 and 1.9; libnetwork service_linux.go redirecter.
"""

from __future__ import annotations

from ipaddress import IPv4Address

from meshnet.mesh import sandbox
from meshnet.mesh.draft import Drafts
from meshnet.mesh.iptables import RulesetDraft
from meshnet.mesh.view import NodeView
from meshnet.model import PortConfig, PublishMode, Task


def render(view: NodeView, drafts: Drafts) -> None:
    """Make the namespace of every task that has its place on the node."""
    for task in view.tasks:
        draft = sandbox.make(view, drafts, task)
        _guard(draft.iptables, view, task)


def _guard(iptables: RulesetDraft, view: NodeView, task: Task) -> None:
    """By the ports the task was made with: its service may have others by now, or be gone."""
    ingress = view.ingress
    address = task.address_on(ingress.id) if ingress else None
    ports = [port for port in task.ports if port.mode is PublishMode.INGRESS]
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
