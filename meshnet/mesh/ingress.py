"""Published ports on the node, and the way from there into ``ingress_sbox``.

docker-swarm-facts section 1.7 (up to 29.7); libnetwork service_linux.go programIngress.
"""

from __future__ import annotations

from meshnet.mesh import names
from meshnet.mesh.bridge import TO_LOCAL
from meshnet.mesh.draft import Draft, Drafts
from meshnet.mesh.iptables import RulesetDraft
from meshnet.mesh.sandbox import join_bridge
from meshnet.mesh.view import Leg, NodeView
from meshnet.model import PortConfig
from meshnet.model.node import INGRESS_SBOX

CHAIN = "DOCKER-INGRESS"


def render(view: NodeView, drafts: Drafts) -> None:
    """Give ``ingress_sbox`` its leg on ``docker_gwbridge``, and send published ports there."""
    host = drafts[view.host]
    leg = _connect(view, drafts)
    ports = view.ingress_ports() if leg is not None else ()
    if ports or view.node.engine.published:
        _open_chain(host)
    if leg is not None:
        for port in ports:
            _publish(host.iptables, leg, port)


def _connect(view: NodeView, drafts: Drafts) -> Leg | None:
    """The sandbox's leg, where the node takes part in the ingress network."""
    ingress = view.ingress
    sandbox = view.balancer(ingress) if ingress else None
    leg = view.leg(INGRESS_SBOX)
    if sandbox is None or leg is None:
        return None
    name = view.generation.ingress_gateway_link
    join_bridge(drafts[sandbox], name, leg, drafts[view.host])
    drafts[sandbox].add_default_route(name, leg.bridge.address.ip)
    return leg


def _open_chain(host: Draft) -> None:
    """Done with the first port that is ever published, and left when the last one goes (reference dump, surprise 10).

    ``route_localnet`` and the masquerading of the node's own connections make ``127.0.0.1:PORT`` work.
    """
    iptables = host.iptables
    for table in ("nat", "filter"):
        iptables.new_chain(table, CHAIN)
        iptables.append(table, CHAIN, "-j RETURN")
    for chain in ("OUTPUT", "PREROUTING"):
        iptables.insert("nat", chain, f"{TO_LOCAL} -j {CHAIN}")
    iptables.insert("filter", "FORWARD", f"-j {CHAIN}")
    iptables.move_to_top("filter", "FORWARD", "-j DOCKER-USER")
    iptables.insert("nat", "POSTROUTING", f"-o {names.GWBRIDGE} -m addrtype --src-type LOCAL -j MASQUERADE")
    host.set_sysctl(f"net.ipv4.conf.{names.GWBRIDGE}.route_localnet", "1")


def _publish(iptables: RulesetDraft, leg: Leg, port: PortConfig) -> None:
    """One port. It keeps its number on the way into the sandbox: the task translates it."""
    match = f"-p {port.protocol} -m {port.protocol} --dport {port.published}"
    reply = f"-p {port.protocol} -m state --state RELATED,ESTABLISHED -m {port.protocol} --sport {port.published}"
    iptables.insert("nat", CHAIN, f"{match} -j DNAT --to-destination {leg.address.ip}:{port.published}")
    iptables.insert("filter", CHAIN, f"{reply} -j ACCEPT")
    iptables.insert("filter", CHAIN, f"{match} -j ACCEPT")
