"""Balancing by firewall mark: VIPs, marks, IPVS services and the SNAT that brings replies back.

docker-swarm-facts section 1.8; libnetwork service_linux.go addLBBackend and fwMarker.
"""

from __future__ import annotations

from ipaddress import IPv4Address

from meshnet.mesh.draft import Draft, Drafts
from meshnet.mesh.generation import marking
from meshnet.mesh.view import Director, LoadBalancer, NodeView
from meshnet.model import Network
from meshnet.netstate import Destination, VirtualService


def render(view: NodeView, drafts: Drafts) -> None:
    """Set up every namespace of the node that balances, and put the VIPs where the engine keeps them."""
    for network in view.networks:
        balancers = view.load_balancers(network)
        for director in view.directors(network):
            draft = drafts[director.ref]
            _prepare(draft, view)
            if balancers or _keeps_snat(view, network):
                _masquerade(draft, network, director)
            for balancer in balancers:
                _balance(draft, view, balancer)
                if not view.generation.tasks_hold_vips:
                    _add_vip(draft, view, director.link, balancer.vip)
    if view.generation.tasks_hold_vips:
        _add_vips_to_tasks(view, drafts)


def _prepare(draft: Draft, view: NodeView) -> None:
    """IPVS forwards replies, so it needs ``ip_forward``. Docker never sets it there: a new namespace inherits it from
    the kernel's first one, which on a bench is not the node's (reference dump, surprise 1)."""
    draft.set_sysctl("net.ipv4.ip_forward", "1")
    for name, value in view.generation.ipvs_sysctls.items():
        draft.set_sysctl(name, value)


def _keeps_snat(view: NodeView, network: Network) -> bool:
    """The rule is never removed, but a task that balances for itself takes its own away with it."""
    return network.id in view.node.engine.balanced and view.balancer(network) is not None


def _masquerade(draft: Draft, network: Network, director: Director) -> None:
    """Backends must answer to where the connection was balanced, whoever asked."""
    draft.set_sysctl("net.ipv4.vs.conntrack", "1")
    snat = f"-j SNAT --to-source {director.address.ip}"
    draft.iptables.append("nat", "POSTROUTING", f"-d {network.subnet} -m ipvs --ipvs {snat}")


def _balance(draft: Draft, view: NodeView, balancer: LoadBalancer) -> None:
    for port in balancer.ports:
        match = f"-p {port.protocol} -m {port.protocol} --dport {port.published}"
        draft.iptables.append("mangle", "PREROUTING", f"{match} {marking(balancer.mark)}")
    view.generation.mark_vip(draft.iptables, balancer.vip, balancer.mark)
    destinations = tuple(Destination(backend.address, backend.weight) for backend in balancer.backends)
    draft.add_virtual_service(VirtualService(balancer.mark, destinations=destinations))


def _add_vips_to_tasks(view: NodeView, drafts: Drafts) -> None:
    """Every task holds its own service's VIPs, ingress first; a service that was removed has none any more."""
    for task in view.tasks:
        service = view.state.services.get(task.service)
        for attachment in task.attachments:
            if service is not None and attachment.network in service.vips:
                _add_vip(drafts[view.sandbox(task)], view, "lo", service.vips[attachment.network].ip)


def _add_vip(draft: Draft, view: NodeView, link: str, vip: IPv4Address) -> None:
    draft.add_alias(link, vip, broadcast=view.generation.vip_broadcast(vip))
