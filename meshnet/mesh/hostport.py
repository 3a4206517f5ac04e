"""Host-mode ports, a service's or of ``docker run -p``: ordinary port mappings on the node that runs the container
(docker-swarm-facts section 3).

``docker-proxy``, which carries connections from 127.0.0.1 to such a port, is a process: see ``proxy``.
"""

from __future__ import annotations

from meshnet.mesh.draft import Drafts
from meshnet.mesh.iptables import RulesetDraft
from meshnet.mesh.view import Leg, NodeView
from meshnet.model import PortConfig


def render(view: NodeView, drafts: Drafts) -> None:
    """Map each host-mode port to its container's way out; one whose number is not known yet is left out."""
    for leg, port in view.mapped_ports():
        _map(drafts[view.host].iptables, leg, port)


def _map(iptables: RulesetDraft, leg: Leg, port: PortConfig) -> None:
    """DNAT, leave to pass, and masquerading for a container that calls its own port."""
    protocol = f"-p {port.protocol} -m {port.protocol}"
    address, link = leg.address.ip, leg.bridge.link
    iptables.append(
        "nat",
        "DOCKER",
        f"! -i {link} {protocol} --dport {port.published} -j DNAT --to-destination {address}:{port.target}",
    )
    iptables.append(
        "filter",
        "DOCKER",
        f"-d {address}/32 ! -i {link} -o {link} {protocol} --dport {port.target} -j ACCEPT",
    )
    iptables.append(
        "nat", "POSTROUTING", f"-s {address}/32 -d {address}/32 {protocol} --dport {port.target} -j MASQUERADE"
    )
