"""The links of one namespace: what Mininet's classes do to interfaces, addresses and routes.

The mesh inside a node is rendered, compared and applied elsewhere; this is only the ground it stands on.
"""

from __future__ import annotations

import errno
import struct
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from meshnet.errors import KernelError, MachineError
from meshnet.lab.net import netem
from meshnet.lab.net import rtnetlink as rt
from topo.shape import Shape

_UP = 0x1
_LINK_HEAD, _ADDRESS_HEAD = 16, 8

_CONDEMNED = 0x6D657368
"""The interface group of what is about to be deleted."""


@dataclass(frozen=True, slots=True)
class End:
    """One end of a cable to be: its name and MAC, and a descriptor of the namespace it goes to. One that stays where
    the cable is made (None) may be a port of a ``bridge`` there."""

    name: str
    mac: str | None = None
    namespace: int | None = None
    bridge: str | None = None


class Wiring:
    """The links of the namespace that the calling thread is in when it makes this. ``where`` is what errors call it.

    Raises ``KernelError`` for what the kernel refuses.
    """

    def __init__(self, where: str) -> None:
        self._where = where
        self._netlink = rt.Rtnetlink(where)

    def close(self) -> None:
        self._netlink.close()

    def add_bridge(self, name: str) -> None:
        """A bridge without spanning tree, up."""
        kind = rt.nest(rt.IFLA_LINKINFO, rt.attribute(rt.IFLA_INFO_KIND, "bridge"))
        self._add_link(f"make the bridge {name}", rt.attribute(rt.IFLA_IFNAME, name), kind)

    def add_cable(self, here: End, there: End) -> None:
        """A pair of virtual Ethernet interfaces: ``here`` up, ``there`` still down, since the kernel won't set one up
        before it has its peer."""
        peer = rt.attribute(rt.VETH_INFO_PEER, rt.link_message(*_attributes(there)))
        kind = rt.attribute(rt.IFLA_INFO_KIND, "veth"), rt.nest(rt.IFLA_INFO_DATA, peer)
        what = f"make the link {here.name} to {there.name}"
        self._add_link(what, *_attributes(here), rt.nest(rt.IFLA_LINKINFO, *kind))
        for end in (here, there):
            if end.bridge is not None:
                self.join_bridge(end.name, end.bridge)

    def join_bridge(self, name: str, bridge: str) -> None:
        """Make the interface a port of the bridge."""
        self._set_link(f"put {name} into {bridge}", name, rt.attribute(rt.IFLA_MASTER, self._netlink.index(bridge)))

    def delete(self, *names: str) -> None:
        """Delete interfaces, and with each the other end of its cable. All at once: the kernel waits 16 ms for each
        that is deleted alone."""
        group = rt.attribute(rt.IFLA_GROUP, _CONDEMNED)
        for name in names:
            self._set_link(f"delete {name}", name, group)
        if names:
            self._netlink.change(f"delete {', '.join(names)}", rt.DELLINK, rt.link_message(group))

    def set_up(self, name: str, up: bool = True) -> None:
        self._set_link(f"set {name} {'up' if up else 'down'}", name, flags=_UP if up else 0, change=_UP)

    def is_up(self, name: str) -> bool:
        """Whether somebody set it up, as ``ifconfig`` has it."""
        flags, _ = self._link(name)
        return bool(flags & _UP)

    def set_mac(self, name: str, mac: str) -> None:
        self._set_link(f"give {name} the MAC {mac}", name, _mac(mac))

    def mac(self, name: str) -> str:
        _, attributes = self._link(name)
        return ":".join(f"{byte:02x}" for byte in attributes[rt.IFLA_ADDRESS])

    def rename(self, name: str, new: str) -> None:
        """Rename an interface; it's down while that happens."""
        was_up = self.is_up(name)
        self.set_up(name, False)
        self._set_link(f"rename {name} to {new}", name, rt.attribute(rt.IFLA_IFNAME, new))
        self.set_up(new, was_up)

    def names(self) -> tuple[str, ...]:
        """The interfaces, in order of their indexes."""
        messages = self._netlink.dump("list the links", rt.GETLINK, rt.link_message())
        return tuple(rt.attributes_of(body, _LINK_HEAD)[rt.IFLA_IFNAME].rstrip(b"\0").decode() for body in messages)

    def set_address(self, name: str, address: IPv4Interface) -> None:
        """Make ``address`` the interface's only IPv4 address."""
        index = self._netlink.index(name)
        for old in self.addresses(name):
            if old != address:
                body = rt.address_message(rt.attribute(rt.IFA_LOCAL, old.ip), index=index, prefix=old.network.prefixlen)
                self._netlink.change(f"take {old} from {name}", rt.DELADDR, body)
        attributes = [rt.attribute(rt.IFA_LOCAL, address.ip), rt.attribute(rt.IFA_ADDRESS, address.ip)]
        if address.network.prefixlen < 31:
            attributes.append(rt.attribute(rt.IFA_BROADCAST, address.network.broadcast_address))
        body = rt.address_message(*attributes, index=index, prefix=address.network.prefixlen)
        self._netlink.change(f"give {name} {address}", rt.NEWADDR, body, rt.CREATE | rt.REPLACE)

    def addresses(self, name: str) -> tuple[IPv4Interface, ...]:
        index = self._netlink.index(name)
        found = []
        for body in self._netlink.dump("list the addresses", rt.GETADDR, rt.address_message()):
            _, prefix, _, _, owner = struct.unpack_from("=BBBBi", body)
            if owner == index:
                local = rt.attributes_of(body, _ADDRESS_HEAD)[rt.IFA_LOCAL]
                found.append(IPv4Interface((IPv4Address(local), prefix)))
        return tuple(found)

    def set_route(
        self, destination: IPv4Network, *, via: tuple[IPv4Address, ...] = (), interface: str | None = None
    ) -> None:
        """Route ``destination`` by a gateway, by several of the same cost, or straight out of an interface."""
        hops = [rt.attribute(rt.RTA_GATEWAY, via[0])] if len(via) == 1 else []
        if len(via) > 1:
            hops = [rt.attribute(rt.RTA_MULTIPATH, b"".join(rt.next_hop(gateway) for gateway in via))]
        if interface is not None:
            hops.append(rt.attribute(rt.RTA_OIF, self._netlink.index(interface)))
        body = rt.route_message(*hops, destination=destination, link_scope=not via)
        self._netlink.change(f"route {destination}", rt.NEWROUTE, body, rt.CREATE | rt.REPLACE)

    def add_neighbour(self, name: str, address: IPv4Address, mac: str) -> None:
        """A permanent neighbour entry."""
        attributes = rt.attribute(rt.NDA_DST, address), rt.attribute(rt.NDA_LLADDR, _bytes_of(mac))
        body = rt.neighbour_message(*attributes, index=self._netlink.index(name))
        self._netlink.change(f"note {address} at {mac}", rt.NEWNEIGH, body, rt.CREATE | rt.REPLACE)

    def shape(self, name: str, shape: Shape) -> None:
        """Delay, drop and hold back what leaves by the interface. Raises ``MachineError`` where the kernel has no
        netem."""
        body = netem.request(self._netlink.index(name), shape)
        try:
            self._netlink.change(f"shape {name}", rt.NEWQDISC, body, rt.CREATE | rt.REPLACE)
        except KernelError as error:
            if error.errno != errno.ENOENT:
                raise
            raise MachineError(
                f"{self._where}: the link {name} has delay, loss or rate, and this kernel has no netem (sch_netem)"
            ) from error

    def _add_link(self, what: str, *attributes: bytes) -> None:
        body = rt.link_message(*attributes, flags=_UP, change=_UP)
        self._netlink.change(what, rt.NEWLINK, body, rt.CREATE | rt.EXCLUSIVE)

    def _set_link(self, what: str, name: str, *attributes: bytes, flags: int = 0, change: int = 0) -> None:
        index = self._netlink.index(name)
        self._netlink.change(what, rt.NEWLINK, rt.link_message(*attributes, index=index, flags=flags, change=change))

    def _link(self, name: str) -> tuple[int, dict[int, bytes]]:
        """An interface's flags and attributes."""
        index = self._netlink.index(name)
        for body in self._netlink.dump("list the links", rt.GETLINK, rt.link_message()):
            _, _, number, flags, _ = struct.unpack_from("=BxHiII", body)
            if number == index:
                return flags, rt.attributes_of(body, _LINK_HEAD)
        raise KernelError(f"{self._where}: the interface {name} went away", errno=errno.ENODEV)


def _attributes(end: End) -> list[bytes]:
    attributes = [rt.attribute(rt.IFLA_IFNAME, end.name)]
    if end.mac is not None:
        attributes.append(_mac(end.mac))
    if end.namespace is not None:
        attributes.append(rt.attribute(rt.IFLA_NET_NS_FD, end.namespace))
    return attributes


def _mac(text: str) -> bytes:
    return rt.attribute(rt.IFLA_ADDRESS, _bytes_of(text))


def _bytes_of(mac: str) -> bytes:
    return bytes.fromhex(mac.replace(":", ""))
