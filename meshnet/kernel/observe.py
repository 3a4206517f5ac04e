"""What the kernel has, as values: only what somebody put there, in the form that ``diff`` compares."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import TypeAlias

from meshnet.kernel import address_messages as messages
from meshnet.kernel import sysctl
from meshnet.kernel.attributes import address, attributes, mac, number, port
from meshnet.kernel.held import Held
from meshnet.kernel.iptables import Iptables
from meshnet.kernel.ipvs import IpvsMessages
from meshnet.kernel.seen_link import SeenLink, list_seen
from meshnet.netstate import (
    Address,
    Bridge,
    FdbEntry,
    Link,
    LinkKind,
    NamespaceRef,
    Neighbour,
    NetState,
    NextHop,
    OtherLink,
    Route,
    Veth,
    Vxlan,
)
from meshnet.netstate.dialects import iptables_save
from meshnet.netstate.state import LOOPBACK

Links: TypeAlias = Mapping[int, SeenLink]
"""A namespace's interfaces by index."""

_NO_ADDRESS = bytes(4)
_ADDRESS = struct.Struct("=16xBBBBI")
_IFA_LOCAL, _IFA_BROADCAST = 2, 4
_ROUTE = struct.Struct("=16x8BI")
_RTA_DST, _RTA_OIF, _RTA_GATEWAY, _RTA_PRIORITY, _RTA_MULTIPATH = 1, 4, 5, 6, 9
_NEXT_HOP = struct.Struct("=HBBi")
_NEIGHBOUR = struct.Struct("=16xB3xiHBB")
_NDA_DST, _NDA_LLADDR = 1, 2
_IFLA_VXLAN_ID, _IFLA_VXLAN_PORT = 1, 15
_VXLAN_FLAGS = {"learning": 7, "proxy": 11, "l2miss": 13, "l3miss": 14}
_INET_SETTINGS = (
    *("forwarding", "", "proxy_arp", "", "", "send_redirects", "", "rp_filter", "", "", "", "", "arp_filter", ""),
    *("", "", "", "arp_announce", "arp_ignore", "", "", "", "accept_local", "src_valid_mark", "proxy_arp_pvlan"),
    "route_localnet",
)
"""The first of linux/ip.h's ``IPV4_DEVCONF_...``, as far as a packet's way depends on them."""

_NUMBERS = struct.Struct(f"={len(_INET_SETTINGS)}i")
_ROUTE_WORDS = {kind: word for word, kind in messages.ROUTE_KINDS.items()}


def observe(
    helds: Iterable[Held], like: Mapping[NamespaceRef, NetState], iptables: Iptables, ipvs: IpvsMessages | None
) -> dict[NamespaceRef, NetState]:
    """What each of these namespaces has. Of sysctls those that ``like`` has for it, of interfaces not its ``foreign``
    ones, nor what is on them. Veths to namespaces that are not among them have no peer. Raises ``OSError`` and
    ``KernelError``."""
    those = {held.ref: held for held in helds}
    saves = {ref: iptables.save(held.namespace) for ref, held in those.items()}
    try:
        states = observe_all_but_rules(those, like, ipvs)
    finally:
        texts = {ref: save.finish() if save is not None else "" for ref, save in saves.items()}
    return {ref: replace(state, rules=iptables_save.parse(texts[ref])) for ref, state in states.items()}


def observe_all_but_rules(
    helds: Mapping[NamespaceRef, Held],
    like: Mapping[NamespaceRef, NetState],
    ipvs: IpvsMessages | None,
    *,
    whole: bool = False,
) -> dict[NamespaceRef, NetState]:
    """As ``observe``, but for what takes programs to find out. With ``whole``, as the way of a packet depends on it: a
    veth that leads to another machine has its peer too, and sysctls have IPv4's settings of each interface."""
    links = {ref: list_seen(held.route) for ref, held in helds.items()}
    for ref, held in helds.items():
        held.learn(links[ref].values())
    nothing = NetState()
    return {
        ref: _Reader(held, helds, links, like.get(ref, nothing), whole=whole).state(ipvs) for ref, held in helds.items()
    }


class _Reader:
    """Reads one namespace; ``links`` are those of all that are looked at."""

    def __init__(
        self,
        held: Held,
        helds: Mapping[NamespaceRef, Held],
        links: Mapping[NamespaceRef, Links],
        like: NetState,
        *,
        whole: bool,
    ) -> None:
        self._held, self._helds, self._links, self._like, self._whole = held, helds, links, like, whole
        self._own = links[held.ref]
        self._names = {index: link.name for index, link in self._own.items() if link.name not in like.foreign}

    def state(self, ipvs: IpvsMessages | None) -> NetState:
        """All of it but its iptables, and what is on foreign interfaces."""
        return NetState(
            links={link.name: link for link in self._read_links()},
            addresses=tuple(self._addresses()),
            routes=frozenset(self._routes()),
            neighbours=frozenset(self._neighbours()),
            fdb=frozenset(self._fdb()),
            sysctls=self._sysctls(self._like.sysctls) | (self._of_interfaces() if self._whole else {}),
            ipvs=ipvs.services(self._held.generic) if ipvs is not None else {},
            foreign=self._like.foreign,
        )

    def _read_links(self) -> Iterator[Link]:
        """``lo`` is among them only if it is down, which it never should be."""
        for index in self._names:
            seen = self._own[index]
            if seen.name != "lo" or not seen.up:
                master = self._own[seen.master].name if seen.master in self._own else None
                yield Link(seen.name, self._kind(seen), seen.mac, seen.mtu, master, seen.up)

    def _kind(self, seen: SeenLink) -> LinkKind:
        match seen.kind:
            case "veth":
                namespace = self._namespace(seen)
                if namespace is None or seen.other not in self._links[namespace]:
                    return Veth(None, None)
                return Veth(self._links[namespace][seen.other].name, namespace)
            case "bridge":
                return Bridge()
            case "vxlan":
                settings = attributes(seen.settings)
                vni, flags = number(settings.get(_IFLA_VXLAN_ID)), _vxlan_flags(settings)
                return Vxlan(vni, port(settings.get(_IFLA_VXLAN_PORT)), self._namespace(seen), **flags)
            case kind:
                return OtherLink(kind)

    def _namespace(self, seen: SeenLink) -> NamespaceRef | None:
        return self._held.ref if seen.elsewhere is None else self._numbers.get(seen.elsewhere)

    @cached_property
    def _numbers(self) -> dict[int, NamespaceRef]:
        """The node's namespaces that are looked at by the numbers they have in this one, as far as they have one. Links
        between nodes are the topology's."""
        refs = [ref for ref in self._helds if self._whole or ref.node == self._held.ref.node]
        wanted = {link.elsewhere for link in self._own.values() if link.elsewhere is not None}
        return self._held.numbered(wanted, [self._helds[ref] for ref in refs])

    def _addresses(self) -> Iterator[Address]:
        for data in self._held.route.dump(messages.list_addresses()):
            _, prefix, _, _, index = _ADDRESS.unpack_from(data)
            found = attributes(data, _ADDRESS.size)
            interface = IPv4Interface((found[_IFA_LOCAL], prefix))
            name = self._names.get(index)
            if name is not None and interface != LOOPBACK:
                yield Address(name, interface, address(found.get(_IFA_BROADCAST)))

    def _routes(self) -> Iterator[Route]:
        for data in self._held.route.dump(messages.list_routes()):
            _, prefix, _, _, table, origin, _, kind, _ = _ROUTE.unpack_from(data)
            if table != messages.MAIN_TABLE or origin == messages.BY_KERNEL:
                continue
            found = attributes(data, _ROUTE.size)
            index = number(found.get(_RTA_OIF))
            if index and index not in self._names:
                continue
            hops = tuple(self._next_hops(found.get(_RTA_MULTIPATH, b"")))
            yield Route(
                IPv4Network((found.get(_RTA_DST, _NO_ADDRESS), prefix)),
                self._names.get(index, ""),
                address(found.get(_RTA_GATEWAY)),
                number(found.get(_RTA_PRIORITY)),
                "multipath" if hops else _ROUTE_WORDS.get(kind, f"type {kind}"),
                hops,
            )

    def _next_hops(self, data: bytes) -> Iterator[NextHop]:
        """Of an array of ``struct rtnexthop``, each with its attributes behind it."""
        while data:
            length, _, more, index = _NEXT_HOP.unpack_from(data)
            link = self._own.get(index)
            gateway = address(attributes(data[:length], _NEXT_HOP.size).get(_RTA_GATEWAY))
            yield NextHop(link.name if link is not None else "", gateway, more + 1)
            data = data[-(-length // 4) * 4 :]

    def _neighbours(self) -> Iterator[Neighbour]:
        for data in self._held.route.dump(messages.list_neighbours()):
            _, index, state, _, _ = _NEIGHBOUR.unpack_from(data)
            name = self._names.get(index)
            if name is not None and state & messages.PERMANENT:
                found = attributes(data, _NEIGHBOUR.size)
                yield Neighbour(name, IPv4Address(found[_NDA_DST]), mac(found[_NDA_LLADDR]))

    def _fdb(self) -> Iterator[FdbEntry]:
        if all(link.kind != "vxlan" for link in self._own.values()):
            return
        for data in self._held.route.dump(messages.list_fdb()):
            _, index, state, flags, _ = _NEIGHBOUR.unpack_from(data)
            name = self._names.get(index)
            if name is None or not (state & messages.PERMANENT and flags & messages.SELF):
                continue
            found = attributes(data, _NEIGHBOUR.size)
            if len(found.get(_NDA_DST, b"")) == len(_NO_ADDRESS):
                yield FdbEntry(name, mac(found[_NDA_LLADDR]), IPv4Address(found[_NDA_DST]))

    def _sysctls(self, wanted: Mapping[str, str]) -> dict[str, str]:
        if not wanted:
            return {}
        with self._held.namespace.entered():
            found = sysctl.read(wanted)
        return found | {name: value for name, value in wanted.items() if name not in found and sysctl.is_moot(name)}

    def _of_interfaces(self) -> dict[str, str]:
        return {
            f"net.ipv4.conf.{link.name}.{setting}": str(value)
            for link in self._own.values()
            for setting, value in zip(_INET_SETTINGS, _NUMBERS.unpack_from(link.inet), strict=True)
            if setting
        }


def _vxlan_flags(settings: Mapping[int, bytes]) -> dict[str, bool]:
    return {flag: bool(number(settings.get(kind))) for flag, kind in _VXLAN_FLAGS.items()}
