"""Which networks a topology's machines stand on: an overlay must not overlap them."""

from __future__ import annotations

from ipaddress import IPv4Interface, IPv4Network

from mininet.topo import Topo


def subnets_of(topology: Topo) -> tuple[IPv4Network, ...]:
    """The subnets of all the topology's interfaces, in order of address; also of a topology that isn't from here."""
    written = [topology.nodeInfo(host).get("ip") for host in topology.hosts()]
    for *_, info in topology.iterLinks(withInfo=True):
        written += [info.get(end, {}).get("ip") for end in ("params1", "params2")]
    return tuple(sorted({IPv4Interface(address).network for address in written if address and "/" in address}))
