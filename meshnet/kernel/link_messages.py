"""rtnetlink messages that make, change and delete interfaces."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from meshnet.kernel.lean_pyroute2 import ifinfmsg
from meshnet.kernel.netlink import CREATE, DUMP, EXCL, encode
from meshnet.netstate import Bridge, Link, Veth, Vxlan

NEWLINK, DELLINK, GETLINK, SETLINK = 16, 17, 18, 19

IFF_UP = 1
LO = 1
"""The index of every namespace's ``lo``."""

_SKIP_STATISTICS = 8
_DOOMED = 0x6D657368
"""The interface group of those that are about to go."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an interface is to be: the descriptor of a namespace, and an index there."""

    namespace: int
    index: int


def new_link(link: Link, place: Place, peer: Link | None = None, peer_place: Place | None = None) -> bytes:
    """Make ``link``, down and without a master; a veth together with its ``peer``.

    Whichever namespace's socket it is sent on, the interfaces come to be where ``place`` says, except that a VXLAN
    device's UDP socket is in the namespace of the socket. Indexes that are given need not be asked for afterwards.
    """
    data: list[tuple[str, object]]
    match link.kind:
        case Veth() if peer is not None and peer_place is not None:
            other_end = {"index": peer_place.index, "attrs": _attributes(peer, peer_place)}
            name, data = "veth", [("VETH_INFO_PEER", other_end)]
        case Bridge():
            name, data = "bridge", [("IFLA_BR_STP_STATE", 0)]
        case Vxlan(vni, port, _, learning, proxy, l2miss, l3miss):
            flags = {"LEARNING": learning, "PROXY": proxy, "L2MISS": l2miss, "L3MISS": l3miss}
            settings = ((f"IFLA_VXLAN_{flag}", int(on)) for flag, on in flags.items())
            name, data = "vxlan", [("IFLA_VXLAN_ID", vni), ("IFLA_VXLAN_PORT", port), *settings]
        case kind:
            raise ValueError(f"expected a bridge, a vxlan or a veth with its peer to make, found {link.name}: {kind}")
    message = ifinfmsg()
    message["index"] = place.index
    information = {"attrs": [("IFLA_INFO_KIND", name), ("IFLA_INFO_DATA", {"attrs": data})]}
    message["attrs"] = [*_attributes(link, place), ("IFLA_LINKINFO", information)]
    return encode(message, NEWLINK, CREATE | EXCL)


def _attributes(link: Link, place: Place) -> list[tuple[str, object]]:
    mac = [("IFLA_ADDRESS", link.mac)] if link.mac is not None else []
    return [("IFLA_IFNAME", link.name), ("IFLA_MTU", link.mtu), ("IFLA_NET_NS_FD", place.namespace), *mac]


def set_link(
    index: int, *, up: bool | None = None, mac: str | None = None, mtu: int | None = None, master: int | None = None
) -> bytes:
    """Change what is given, and leave the rest; ``master`` is the index of a bridge, 0 for none."""
    message = ifinfmsg()
    message["index"] = index
    if up is not None:
        message["flags"], message["change"] = (IFF_UP if up else 0), IFF_UP
    given = (("IFLA_MASTER", master), ("IFLA_MTU", mtu), ("IFLA_ADDRESS", mac))
    message["attrs"] = [(name, value) for name, value in given if value is not None]
    return encode(message, SETLINK, 0)


def forget_stations(bridge: str) -> bytes:
    """Have a bridge forget where stations are, but for those it was told: ``ip link set BRIDGE type bridge
    fdb_flush``."""
    message = ifinfmsg()
    data = {"attrs": [("IFLA_BR_FDB_FLUSH", True)]}
    information = {"attrs": [("IFLA_INFO_KIND", "bridge"), ("IFLA_INFO_DATA", data)]}
    message["attrs"] = [("IFLA_IFNAME", bridge), ("IFLA_LINKINFO", information)]
    return encode(message, NEWLINK, 0)


def delete_links(names: list[str]) -> list[bytes]:
    """Delete all of them as one.

    On a kernel with several processors each deletion waits for them all, 16 ms or so, but those of one interface group
    wait together.
    """
    if len(names) == 1:
        message = ifinfmsg()
        message["attrs"] = [("IFLA_IFNAME", names[0])]
        return [encode(message, DELLINK, 0)]
    messages = []
    for name in names:
        message = ifinfmsg()
        message["attrs"] = [("IFLA_IFNAME", name), ("IFLA_GROUP", _DOOMED)]
        messages.append(encode(message, SETLINK, 0))
    message = ifinfmsg()
    message["attrs"] = [("IFLA_GROUP", _DOOMED)]
    return [*messages, encode(message, DELLINK, 0)]


@cache
def list_links() -> bytes:
    """List all interfaces."""
    message = ifinfmsg()
    message["attrs"] = [("IFLA_EXT_MASK", _SKIP_STATISTICS)]
    return encode(message, GETLINK, DUMP)
