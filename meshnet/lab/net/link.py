"""A cable between two nodes: a pair of virtual Ethernet interfaces."""

from __future__ import annotations

from typing import Any

from meshnet.lab.net.bridge import Bridge
from meshnet.lab.net.host import LabHost
from meshnet.lab.net.interface import VethIntf
from meshnet.lab.net.stock import Link
from meshnet.lab.net.wiring import End
from topo.names import check_interface
from topo.ports import interface_name

LabNode = LabHost | Bridge


class VethLink(Link):  # type: ignore[misc]  # Mininet has no types
    """Mininet's link. Made by one netlink request, with both ends where they belong, by their names, with their
    MACs."""

    intf1: VethIntf | None
    intf2: VethIntf | None

    def __init__(self, node1: LabNode, node2: LabNode, **params: Any) -> None:
        super().__init__(node1, node2, **{**params, "intf": VethIntf, "fast": True})

    def intfName(self, node: LabNode, n: int) -> str:
        return interface_name(node.name, n, of_switch=isinstance(node, Bridge))

    @classmethod
    def makeIntfPair(
        cls,
        intfname1: str,
        intfname2: str,
        addr1: str | None = None,
        addr2: str | None = None,
        node1: LabNode | None = None,
        node2: LabNode | None = None,
        deleteIntfs: bool = True,
    ) -> None:
        """Mininet calls it with both nodes. The cable is made where a switch is, if there's one; else at ``node1``."""
        assert node1 is not None
        assert node2 is not None
        ends = [(node1, intfname1, addr1), (node2, intfname2, addr2)]
        if isinstance(node1, LabHost) and isinstance(node2, Bridge):
            ends.reverse()
        (maker, *_), (other, *_) = ends
        here, there = (_end(node, name, mac, maker) for node, name, mac in ends)
        maker.wiring.add_cable(here, there)
        maker.wiring.set_up(here.name)
        other.wiring.set_up(there.name)

    def delete(self) -> None:
        for interface in (self.intf1, self.intf2):
            if interface is not None:
                interface.delete()
        self.intf1 = self.intf2 = None


def _end(node: LabNode, name: str, mac: str | None, maker: LabNode) -> End:
    check_interface(name, f"interface of {node.name}")
    if isinstance(node, Bridge):
        return End(name, mac, bridge=node.name)
    return End(name, mac, namespace=None if node is maker else node.interior.namespace)
