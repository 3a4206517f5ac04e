"""A routed fabric."""

from __future__ import annotations

from ipaddress import IPv4Interface, IPv4Network

from meshnet.errors import InputError
from topo.base import LabTopo
from topo.machines import UNDERLAY, check_count, deal, on_lan, parse_subnet, places
from topo.route import StaticRoute

FABRIC = IPv4Network("100.64.0.0/16")
"""Where the links between leaves and spines have their addresses: space that Docker's pools never touch (RFC 6598)."""


class LeafSpineTopo(LabTopo):
    """Racks behind leaf routers, and every leaf cabled to every spine.

    Linux bridges without spanning tree would carry a broadcast round a leaf-spine for ever, so this fabric is routed:
    rack *n* is a switch ``rack<n>`` with a subnet of its own (the one given, then those after it), ``leaf<n>`` is its
    gateway, and each leaf reaches the other racks by all spines at once (equal-cost multipath). The machines are dealt
    to the racks in turn.
    """

    def build(
        self,
        leaves: int = 2,
        spines: int = 2,
        managers: int = 1,
        workers: int = 2,
        clients: int = 1,
        subnet: str = UNDERLAY,
    ) -> None:
        check_count("leaves", leaves, least=1)
        check_count("spines", spines, least=1)
        racks = subnets(parse_subnet(subnet), leaves)
        groups = deal(places(managers, workers, clients), leaves)
        for leaf, (rack, group) in enumerate(zip(racks, groups, strict=True)):
            gateway = IPv4Interface((rack[1], rack.prefixlen))
            uplinks = tuple(cable(leaf, spine, spines)[1].ip for spine in range(spines))
            others = tuple(StaticRoute(other, uplinks) for other in racks if other != rack)
            lan = self.add_lan(f"rack{leaf + 1}")
            self.add_leg(self.add_router(f"leaf{leaf + 1}", gateway, others), gateway, lan)
            for machine in on_lan(group, rack):
                self.add_machine(machine, lan, gateway.ip)
        for spine in range(spines):
            down = tuple(StaticRoute(rack, (cable(leaf, spine, spines)[0].ip,)) for leaf, rack in enumerate(racks))
            self.add_router(f"spine{spine + 1}", cable(0, spine, spines)[1], down)
            for leaf in range(leaves):
                self.add_cable(f"leaf{leaf + 1}", f"spine{spine + 1}", *cable(leaf, spine, spines))


def subnets(first: IPv4Network, count: int) -> tuple[IPv4Network, ...]:
    """``first`` and the networks of its size that follow it. Raises ``InputError`` where the address space ends."""
    start = int(first.network_address)
    if start + count * first.num_addresses > 1 << 32:
        raise InputError(f"no {count} racks' subnets follow one another from {first} on")
    return tuple(IPv4Network((start + number * first.num_addresses, first.prefixlen)) for number in range(count))


def cable(leaf: int, spine: int, spines: int) -> tuple[IPv4Interface, IPv4Interface]:
    """The addresses of the leaf's end and the spine's end of the cable between them: a /31."""
    link = IPv4Network((int(FABRIC.network_address) + 2 * (leaf * spines + spine), 31))
    return IPv4Interface((link[0], 31)), IPv4Interface((link[1], 31))
