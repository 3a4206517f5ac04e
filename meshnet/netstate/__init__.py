"""The vocabulary of kernel state: what one network namespace holds, as a value.

``NetState`` is one namespace; ``diff`` says what turns one set of them into another; the dialect modules read and write
the forms people know (``iptables-save``, ``ipvsadm -Sn``, ``ip -j``, ``bridge -j fdb``). Nothing here touches a kernel.
"""

from meshnet.netstate.ipvs import Destination, VirtualService
from meshnet.netstate.link import Bridge, Link, LinkKind, OtherLink, Veth, Vxlan
from meshnet.netstate.ruleset import Chain, Rule, Ruleset, Table
from meshnet.netstate.state import Address, FdbEntry, NamespaceRef, Neighbour, NetState, NextHop, Route

__all__ = [
    "Address",
    "Bridge",
    "Chain",
    "Destination",
    "FdbEntry",
    "Link",
    "LinkKind",
    "NamespaceRef",
    "Neighbour",
    "NetState",
    "NextHop",
    "OtherLink",
    "Route",
    "Rule",
    "Ruleset",
    "Table",
    "Veth",
    "VirtualService",
    "Vxlan",
]
