"""A routed fabric."""

from __future__ import annotations

from dataclasses import dataclass
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
    gateway, and each leaf reaches all else by all spines at once (equal-cost multipath). The machines are dealt to the
    racks in turn.
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
        fabric = [Cables.of_leaf(leaf, spines) for leaf in range(leaves)]
        for number, (rack, group, cables) in enumerate(zip(racks, groups, fabric, strict=True), 1):
            gateway = IPv4Interface((rack[1], rack.prefixlen))
            up = StaticRoute(IPv4Network("0.0.0.0/0"), tuple(cables.spine_end(spine).ip for spine in range(spines)))
            lan = self.add_lan(f"rack{number}")
            self.add_leg(self.add_router(f"leaf{number}", gateway, (up,)), gateway, lan)
            for machine in on_lan(group, rack):
                self.add_machine(machine, lan, gateway.ip)
        for spine in range(spines):
            down = [
                StaticRoute(destination, (cables.leaf_end(spine).ip,))
                for rack, cables in zip(racks, fabric, strict=True)
                for destination in (rack, cables.block)
            ]
            name = self.add_router(f"spine{spine + 1}", fabric[0].spine_end(spine), tuple(down))
            for number, cables in enumerate(fabric, 1):
                self.add_cable(f"leaf{number}", name, cables.leaf_end(spine), cables.spine_end(spine))


@dataclass(frozen=True, slots=True)
class Cables:
    """The addresses of one leaf's cables to the spines: /31s in a ``block`` of its own, which one route leads to."""

    block: IPv4Network

    @classmethod
    def of_leaf(cls, leaf: int, spines: int) -> Cables:
        """Raises ``InputError`` where the fabric's address space ends."""
        size = 1 << (2 * spines - 1).bit_length()
        if (leaf + 1) * size > FABRIC.num_addresses:
            raise InputError(f"{FABRIC} has no addresses for the cables of {leaf + 1} leaves to {spines} spines")
        return cls(IPv4Network((int(FABRIC.network_address) + leaf * size, 33 - size.bit_length())))

    def leaf_end(self, spine: int) -> IPv4Interface:
        return IPv4Interface((self.block[2 * spine], 31))

    def spine_end(self, spine: int) -> IPv4Interface:
        return IPv4Interface((self.block[2 * spine + 1], 31))


def subnets(first: IPv4Network, count: int) -> tuple[IPv4Network, ...]:
    """``first`` and the networks of its size that follow it. Raises ``InputError`` where the address space ends."""
    start = int(first.network_address)
    if start + count * first.num_addresses > 1 << 32:
        raise InputError(f"no {count} racks' subnets follow one another from {first} on")
    return tuple(IPv4Network((start + number * first.num_addresses, first.prefixlen)) for number in range(count))
