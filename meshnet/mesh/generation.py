"""Where engine generations differ: one class each, which says only what changed since the one before it.

Source: the first table of docker-swarm-facts, checked there at moby's tags; libnetwork service_linux.go and sandbox.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Address

from meshnet.mesh.iptables import RulesetDraft
from meshnet.model import Generation, Network, Node
from meshnet.model.ids import derived_id, short_id


class Generation18_03:
    """Up to 18.05: a task balances for itself on its user networks, and only ingress has a sandbox for it."""

    tasks_hold_vips = True
    """Whether a service's VIPs lie on ``lo`` of its tasks, rather than in the sandboxes that balance for them."""

    ipvs_sysctls: Mapping[str, str] = {}
    """Set wherever IPVS runs, and on the node itself."""

    task_sysctls: Mapping[str, str] = {}
    """Set in each task's namespace."""

    ingress_gateway_link = "eth2"
    """The interface of ``ingress_sbox`` on ``docker_gwbridge``. There is no eth1, as the article shows."""

    def balancer_file(self, node: Node, network: Network) -> str | None:
        """The file of the sandbox that balances for ``network`` on ``node``, or None where there is none."""
        return network.balancer_file if network.ingress else None

    def task_links(self, attachments: int, *, published: bool) -> tuple[tuple[str, ...], str]:
        """Interface names in a task: one for each overlay attachment (ingress first), and the gateway leg's.

        ``published`` says that the first attachment is ingress. The article shows eth0 for ingress, eth2 for the
        gateway and eth3 for the user network.
        """
        if not published:
            return tuple(f"eth{number}" for number in range(attachments)), f"eth{attachments}"
        return ("eth0", *(f"eth{number + 2}" for number in range(1, attachments))), "eth2"

    def vip_broadcast(self, vip: IPv4Address) -> IPv4Address | None:
        """The broadcast address a VIP is added with: its own, as the article shows."""
        return vip

    def mark_vip(self, iptables: RulesetDraft, vip: IPv4Address, mark: int) -> None:
        """Packets that the namespace itself sends to the VIP get the mark; its own ``lo`` answers a ping to it."""
        iptables.append("mangle", "OUTPUT", f"-d {vip}/32 {marking(mark)}")
        echo = "-p icmp -m icmp --icmp-type 8"
        iptables.append("nat", "OUTPUT", f"-d {vip}/32 {echo} -j DNAT --to-destination 127.0.0.1")


class Generation18_06(Generation18_03):
    """18.06: one load-balancer sandbox a network, which holds the VIPs, and nothing of it in the tasks."""

    tasks_hold_vips = False

    def balancer_file(self, node: Node, network: Network) -> str | None:
        """A user network's is named as a container's is: 12 hexadecimal digits."""
        return network.balancer_file if network.ingress else short_id(derived_id(node.id, network.id, "sandbox"))

    def mark_vip(self, iptables: RulesetDraft, vip: IPv4Address, mark: int) -> None:
        """Packets that arrive for the VIP get the mark."""
        iptables.append("mangle", "INPUT", f"-d {vip}/32 {marking(mark)}")


class Generation20_10(Generation18_06):
    """20.10: sandboxes with names of their own, interfaces without gaps, and IPVS told how to end connections."""

    ipvs_sysctls: Mapping[str, str] = {
        "net.ipv4.vs.conn_reuse_mode": "0",
        "net.ipv4.vs.expire_nodest_conn": "1",
        "net.ipv4.vs.expire_quiescent_template": "1",
    }
    task_sysctls: Mapping[str, str] = {"net.ipv4.ip_unprivileged_port_start": "0"}
    ingress_gateway_link = "eth1"

    def balancer_file(self, node: Node, network: Network) -> str | None:
        """``lb_`` and the first nine characters of the network's id."""
        return network.balancer_file

    def task_links(self, attachments: int, *, published: bool) -> tuple[tuple[str, ...], str]:
        """Networks in their order, the gateway leg last."""
        return tuple(f"eth{number}" for number in range(attachments)), f"eth{attachments}"

    def vip_broadcast(self, vip: IPv4Address) -> IPv4Address | None:
        """None, as the reference dump shows."""
        return None


def marking(mark: int) -> str:
    """The target that gives a packet ``mark``."""
    return f"-j MARK --set-xmark {mark:#x}/0xffffffff"


GENERATIONS: Mapping[Generation, Generation18_03] = {
    Generation.G18_03: Generation18_03(),
    Generation.G18_06: Generation18_06(),
    Generation.G20_10: Generation20_10(),
}
