"""Host-mode ports: ordinary port mappings on the nodes that run the task (docker-swarm-facts section 3).

``docker-proxy``, which carries connections from 127.0.0.1 to such a port, is a process and not rendered.
"""

from __future__ import annotations

from meshnet.mesh.draft import Drafts
from meshnet.mesh.iptables import RulesetDraft
from meshnet.mesh.view import Leg, NodeView
from meshnet.model import PortConfig, PublishMode


def render(view: NodeView, drafts: Drafts) -> None:
    """Map each host-mode port to its task's leg on the bridge; one whose number is not known yet is left out."""
    for task in view.tasks:
        leg = view.leg(task.container)
        for port in view.state.services[task.service].ports:
            if leg is not None and port.mode is PublishMode.HOST and port.published:
                _map(drafts[view.host].iptables, leg, port)


def _map(iptables: RulesetDraft, leg: Leg, port: PortConfig) -> None:
    """DNAT, leave to pass, and masquerading for a container that calls its own port."""
    protocol = f"-p {port.protocol} -m {port.protocol}"
    address = leg.address.ip
    iptables.append(
        "nat",
        "DOCKER",
        f"! -i {leg.bridge} {protocol} --dport {port.published} -j DNAT --to-destination {address}:{port.target}",
    )
    iptables.append(
        "filter",
        "DOCKER",
        f"-d {address}/32 ! -i {leg.bridge} -o {leg.bridge} {protocol} --dport {port.target} -j ACCEPT",
    )
    iptables.append(
        "nat", "POSTROUTING", f"-s {address}/32 -d {address}/32 {protocol} --dport {port.target} -j MASQUERADE"
    )
