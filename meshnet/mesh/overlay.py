"""Overlay networks: the namespace of each network's data plane, and the load-balancer sandbox on it.

docker-swarm-facts sections 1.2 to 1.5; libnetwork drivers/overlay.
"""

from __future__ import annotations

from ipaddress import IPv4Interface

from meshnet.mesh import names
from meshnet.mesh.draft import Draft, Drafts, plug
from meshnet.mesh.view import NodeView
from meshnet.model import DATA_PATH_PORT, Network
from meshnet.model.node import BALANCER
from meshnet.netstate import Bridge, Link, Vxlan


def render(view: NodeView, drafts: Drafts) -> None:
    """Make the namespaces of every network the node takes part in, the tasks' own excepted."""
    for network in view.networks:
        overlay = drafts.make(view.overlay(network))
        _add_bridge(overlay, view, network)
        _add_peers(overlay, view, network)
        balancer = view.balancer(network)
        if balancer:
            sandbox = drafts.make(balancer)
            disable_ipv6(sandbox)
            port = names.overlay_port(view.node, network, BALANCER)
            join(sandbox, "eth0", view.node.attachments[network.id], overlay, network, port)


def disable_ipv6(draft: Draft) -> None:
    """As Docker does in a namespace whose networks are IPv4 only."""
    draft.set_sysctl("net.ipv6.conf.all.disable_ipv6", "1")
    draft.set_sysctl("net.ipv6.conf.default.disable_ipv6", "1")


def _add_bridge(overlay: Draft, view: NodeView, network: Network) -> None:
    """``br0`` with the subnet's gateway address, the same on every node, and ``vxlan0`` as a port of it.

    ``vxlan0`` is made in the node's namespace: that is where its UDP socket stays.
    """
    disable_ipv6(overlay)
    overlay.add_link(Link(names.OVERLAY_BRIDGE, Bridge(), mtu=network.mtu))
    overlay.add_address(names.OVERLAY_BRIDGE, IPv4Interface((network.gateway, network.subnet.prefixlen)))
    vxlan = Vxlan(network.vni, DATA_PATH_PORT, view.host)
    overlay.add_link(Link(names.OVERLAY_VXLAN, vxlan, mtu=network.mtu, master=names.OVERLAY_BRIDGE))


def _add_peers(overlay: Draft, view: NodeView, network: Network) -> None:
    """One neighbour and one FDB entry for each endpoint elsewhere. Local ones answer for themselves, and so does the
    local balancer for the VIPs."""
    for endpoint in view.remote_endpoints(network):
        mac = names.mac_of(endpoint.address)
        overlay.add_neighbour(names.OVERLAY_VXLAN, endpoint.address, mac)
        overlay.add_fdb_entry(names.OVERLAY_VXLAN, mac, endpoint.node.address.ip)


def join(sandbox: Draft, name: str, address: IPv4Interface, overlay: Draft, network: Network, port: str) -> None:
    """Give a sandbox its interface on an overlay network."""
    plug(sandbox, name, names.mac_of(address.ip), into=overlay, bridge=names.OVERLAY_BRIDGE, port=port, mtu=network.mtu)
    sandbox.add_address(name, address)
