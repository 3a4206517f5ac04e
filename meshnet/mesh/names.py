"""Interface names and MAC addresses as Docker forms them; what Docker draws at random follows from the ids here."""

from __future__ import annotations

from ipaddress import IPv4Address

from meshnet.model import Network, Node
from meshnet.model.ids import derived_id

DOCKER0 = "docker0"
GWBRIDGE = "docker_gwbridge"
OVERLAY_BRIDGE = "br0"
OVERLAY_VXLAN = "vxlan0"


def mac_of(address: IPv4Address) -> str:
    """An endpoint's MAC: ``02:42`` and the four bytes of its address (up to 27.x on bridges too)."""
    return _docker_mac(address.packed)


def bridge_mac(node: Node, bridge: str) -> str:
    """A bridge's own MAC: ``02:42`` and four bytes that Docker draws.

    They follow from the machine's name, as ports do: its id changes when it leaves a swarm, and its bridges stay.
    """
    return _docker_mac(bytes.fromhex(derived_id(node.name, bridge, "mac")[:8]))


def _docker_mac(last: bytes) -> str:
    return ":".join(f"{byte:02x}" for byte in b"\x02\x42" + last)


def bridge_port(node: Node, owner: str, *network: str) -> str:
    """``veth`` and seven hexadecimal digits: the port of ``owner``'s leg on a bridge of the node itself; ``network`` is
    the id of one that somebody made."""
    return f"veth{derived_id(node.name, owner, *network, 'port')[:7]}"


def overlay_port(node: Node, network: Network, owner: str) -> str:
    """``veth`` and the number of ``owner``'s join: its port of ``br0`` in the namespace of ``network`` on ``node``."""
    return f"veth{node.engine.joins[network.id, owner]}"
