"""Published ports on the node, and the way from there into ``ingress_sbox``.

docker-swarm-facts section 1.7 (up to 29.7); libnetwork service_linux.go programIngress.
"""

from __future__ import annotations

from meshnet.mesh import names
from meshnet.mesh.bridge import TO_LOCAL
from meshnet.mesh.draft import Draft, Drafts, plug
from meshnet.mesh.iptables import RulesetDraft
from meshnet.mesh.view import Leg, NodeView
from meshnet.model import PortConfig
from meshnet.model.node import INGRESS_SBOX

CHAIN = "DOCKER-INGRESS"


def render(view: NodeView, drafts: Drafts) -> None:
    """Give ``ingress_sbox`` its leg on ``docker_gwbridge``, and send published ports there."""
    ingress = view.ingress
    leg = view.leg(INGRESS_SBOX)
    sandbox = view.balancer(ingress) if ingress else None
    if ingress is None or sandbox is None or leg is None:
        return
    host = drafts[view.host]
    join_bridge(
        drafts[sandbox], view.generation.ingress_gateway_link, leg, host, names.bridge_port(view.node, INGRESS_SBOX)
    )
    balancers = view.load_balancers(ingress)
    if balancers or view.node.engine.published:
        _open_chain(host, leg)
    for balancer in balancers:
        for port in balancer.ports:
            _publish(host.iptables, leg, port)


def join_bridge(sandbox: Draft, name: str, leg: Leg, host: Draft, port: str) -> None:
    """Give a sandbox its interface on a bridge of the node, and with it its default route."""
    plug(sandbox, name, names.mac_of(leg.address.ip), into=host, bridge=leg.bridge, port=port, mtu=1500)
    sandbox.add_address(name, leg.address)
    sandbox.add_default_route(name, leg.via)


def _open_chain(host: Draft, leg: Leg) -> None:
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
    iptables.insert("nat", "POSTROUTING", f"-o {leg.bridge} -m addrtype --src-type LOCAL -j MASQUERADE")
    host.set_sysctl(f"net.ipv4.conf.{leg.bridge}.route_localnet", "1")


def _publish(iptables: RulesetDraft, leg: Leg, port: PortConfig) -> None:
    """One port. It keeps its number on the way into the sandbox: the task translates it."""
    match = f"-p {port.protocol} -m {port.protocol} --dport {port.published}"
    reply = f"-p {port.protocol} -m state --state RELATED,ESTABLISHED -m {port.protocol} --sport {port.published}"
    iptables.insert("nat", CHAIN, f"{match} -j DNAT --to-destination {leg.address.ip}:{port.published}")
    iptables.insert("filter", CHAIN, f"{reply} -j ACCEPT")
    iptables.insert("filter", CHAIN, f"{match} -j ACCEPT")
