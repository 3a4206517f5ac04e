"""The links of one namespace: what Mininet's classes do to interfaces, addresses and routes.

The mesh inside a node is rendered, compared and applied as a whole; this is only the ground it stands on, one change at
a time.
"""

from __future__ import annotations

import errno
import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Any

from meshnet.errors import KernelError, MachineError
from meshnet.kernel import address_messages, link_messages
from meshnet.kernel.lean_pyroute2 import ifaddrmsg, ifinfmsg, rtmsg
from meshnet.kernel.link_messages import Place
from meshnet.kernel.namespaces import NetNamespace
from meshnet.kernel.netlink import CREATE, REPLACE, ROUTE, NetlinkSocket, Request, encode
from meshnet.lab.net import netem
from meshnet.netstate import Address, Bridge, Link, Neighbour, Veth
from topo.shape import Shape

_SCOPE_LINK = 253


@dataclass(frozen=True, slots=True)
class End:
    """One end of a cable to be: its name and MAC, and the namespace it goes to. One that stays where the cable is made
    (None) may be a port of a ``bridge`` there."""

    name: str
    mac: str | None = None
    namespace: NetNamespace | None = None
    bridge: str | None = None


class Wiring:
    """The links of ``namespace``; ``where`` is what errors call it. Raises ``KernelError`` for what the kernel
    refuses."""

    def __init__(self, namespace: NetNamespace, where: str) -> None:
        self._namespace = namespace
        self._where = where
        self._netlink = NetlinkSocket(namespace, ROUTE)

    def close(self) -> None:
        """The namespace itself stays its owner's."""
        self._netlink.close()

    def add_bridge(self, name: str) -> None:
        """A bridge without spanning tree, up."""
        place = Place(self._namespace.fd, 0)
        self._change(f"make the bridge {name}", link_messages.new_link(Link(name, Bridge()), place))
        self.set_up(name)

    def add_cable(self, here: End, there: End) -> None:
        """A pair of virtual Ethernet interfaces, ``here`` in this namespace. Both are down."""
        ends = [Link(end.name, Veth(other.name, None), end.mac) for end, other in ((here, there), (there, here))]
        places = [Place((end.namespace or self._namespace).fd, 0) for end in (here, there)]
        message = link_messages.new_link(ends[0], places[0], ends[1], places[1])
        self._change(f"make the link {here.name} to {there.name}", message)
        for end in (here, there):
            if end.bridge is not None:
                self._set_link(f"put {end.name} into {end.bridge}", end.name, master=self._index(end.bridge))

    def delete(self, *names: str) -> None:
        """Delete interfaces, and with each the other end of its cable."""
        if names:
            self._change(f"delete {', '.join(names)}", *link_messages.delete_links(list(names)))

    def set_up(self, name: str, up: bool = True) -> None:
        self._set_link(f"set {name} {'up' if up else 'down'}", name, up=up)

    def is_up(self, name: str) -> bool:
        """Whether somebody set it up, as ``ifconfig`` has it."""
        return bool(self._link(name)["flags"] & link_messages.IFF_UP)

    def set_mac(self, name: str, mac: str) -> None:
        self._set_link(f"give {name} the MAC {mac}", name, mac=mac)

    def mac(self, name: str) -> str:
        return str(self._link(name).get_attr("IFLA_ADDRESS"))

    def rename(self, name: str, new: str) -> None:
        """Rename an interface; it's down while that happens."""
        was_up = self.is_up(name)
        self.set_up(name, False)
        message = ifinfmsg()
        message["index"], message["attrs"] = self._index(name), [("IFLA_IFNAME", new)]
        self._change(f"rename {name} to {new}", encode(message, link_messages.SETLINK, 0))
        self.set_up(new, was_up)

    def names(self) -> tuple[str, ...]:
        """The interfaces, in order of their indexes."""
        return tuple(link.get_attr("IFLA_IFNAME") for link in self._links())

    def set_address(self, name: str, address: IPv4Interface) -> None:
        """Make ``address`` the interface's only IPv4 address."""
        index = self._index(name)
        have = self.addresses(name)
        for old in have:
            if old != address:
                self._change(f"take {old} from {name}", address_messages.drop_address(Address(name, old), index))
        if address not in have:
            network = address.network
            broadcast = network.broadcast_address if network.prefixlen < 31 else None
            message = address_messages.add_address(Address(name, address, broadcast), index)
            self._change(f"give {name} {address}", message)

    def addresses(self, name: str) -> tuple[IPv4Interface, ...]:
        index = self._index(name)
        messages = [_decoded(ifaddrmsg, data) for data in self._netlink.dump(address_messages.list_addresses())]
        return tuple(
            IPv4Interface(f"{message.get_attr('IFA_LOCAL')}/{message['prefixlen']}")
            for message in messages
            if message["index"] == index
        )

    def set_route(
        self, destination: IPv4Network, *, via: tuple[IPv4Address, ...] = (), interface: str | None = None
    ) -> None:
        """Route ``destination`` by a gateway, by several of the same cost, or straight out of an interface; instead of
        any route there was."""
        message = rtmsg()
        message["family"], message["table"] = address_messages.AF_INET, address_messages.MAIN_TABLE
        message["dst_len"], message["type"] = destination.prefixlen, address_messages.ROUTE_KINDS["unicast"]
        message["scope"] = 0 if via else _SCOPE_LINK
        message["attrs"] = [("RTA_DST", str(destination.network_address))] if destination.prefixlen else []
        if len(via) > 1:
            hops = [{"attrs": [("RTA_GATEWAY", str(gateway))]} for gateway in via]
            message["attrs"].append(("RTA_MULTIPATH", hops))
        elif via:
            message["attrs"].append(("RTA_GATEWAY", str(via[0])))
        if interface is not None:
            message["attrs"].append(("RTA_OIF", self._index(interface)))
        self._change(f"route {destination}", encode(message, address_messages.NEWROUTE, CREATE | REPLACE))

    def add_neighbour(self, name: str, address: IPv4Address, mac: str) -> None:
        """A permanent neighbour entry."""
        message = address_messages.add_neighbour(Neighbour(name, address, mac), self._index(name))
        self._change(f"note {address} at {mac}", message)

    def shape(self, name: str, shape: Shape) -> None:
        """Delay, drop and hold back what leaves by the interface. Raises ``MachineError`` where the kernel has no
        netem."""
        try:
            self._change(f"shape {name}", netem.replace_root(self._index(name), shape))
        except KernelError as error:
            if error.errno != errno.ENOENT:
                raise
            raise MachineError(
                f"{self._where}: the link {name} has delay, loss or rate, and this kernel has no netem (sch_netem)"
            ) from error

    def _set_link(self, what: str, name: str, **changes: Any) -> None:
        self._change(what, link_messages.set_link(self._index(name), **changes))

    def _change(self, what: str, *messages: bytes) -> None:
        refusals = self._netlink.send([Request(message, what) for message in messages])
        if refusals:
            raise KernelError(f"{self._where}: the kernel refused to {refusals[0]}", errno=refusals[0].errno)

    def _index(self, name: str) -> int:
        try:
            with self._namespace.entered():
                return socket.if_nametoindex(name)
        except OSError as error:
            raise KernelError(f"{self._where}: there is no interface {name}", errno=errno.ENODEV) from error

    def _link(self, name: str) -> Any:
        index = self._index(name)
        return next(link for link in self._links() if link["index"] == index)

    def _links(self) -> list[Any]:
        return [_decoded(ifinfmsg, data) for data in self._netlink.dump(link_messages.list_links())]


def _decoded(kind: Any, data: bytes) -> Any:
    message = kind(data)
    message.decode()
    return message
