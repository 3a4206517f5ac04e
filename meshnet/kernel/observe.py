"""What the kernel has, as values: only what somebody put there, in the form that ``diff`` compares."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Any, TypeAlias

from meshnet.kernel import address_messages as messages
from meshnet.kernel import sysctl
from meshnet.kernel.held import Held
from meshnet.kernel.iptables import Iptables
from meshnet.kernel.ipvs import IpvsMessages
from meshnet.kernel.lean_pyroute2 import ifaddrmsg, ndmsg, rtmsg
from meshnet.kernel.netlink import decode, decode_once
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

_VXLAN_FLAGS = ("learning", "proxy", "l2miss", "l3miss")
_INET_SETTINGS = (
    *("forwarding", "", "proxy_arp", "", "", "send_redirects", "", "rp_filter", "", "", "", "", "arp_filter", ""),
    *("", "", "", "arp_announce", "arp_ignore", "", "", "", "accept_local", "src_valid_mark", "proxy_arp_pvlan"),
    "route_localnet",
)
"""The first of linux/ip.h's ``IPV4_DEVCONF_...``, as far as a packet's way depends on them."""

_NUMBERS = struct.Struct(f"={len(_INET_SETTINGS)}i")
_ROUTE_WORDS = {number: word for word, number in messages.ROUTE_KINDS.items()}


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
                value = seen.settings.get_attr
                flags = {flag: bool(value(f"IFLA_VXLAN_{flag.upper()}")) for flag in _VXLAN_FLAGS}
                return Vxlan(value("IFLA_VXLAN_ID"), value("IFLA_VXLAN_PORT"), self._namespace(seen), **flags)
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
            message = decode_once(ifaddrmsg, data)
            interface = IPv4Interface((message.get_attr("IFA_LOCAL"), message["prefixlen"]))
            broadcast = message.get_attr("IFA_BROADCAST")
            name = self._names.get(message["index"])
            if name is not None and interface != LOOPBACK:
                yield Address(name, interface, IPv4Address(broadcast) if broadcast else None)

    def _routes(self) -> Iterator[Route]:
        for data in self._held.route.dump(messages.list_routes()):
            message = decode_once(rtmsg, data)
            if message["table"] != messages.MAIN_TABLE or message["proto"] == messages.BY_KERNEL:
                continue
            index, via = message.get_attr("RTA_OIF"), message.get_attr("RTA_GATEWAY")
            if index is not None and index not in self._names:
                continue
            kind = _ROUTE_WORDS.get(message["type"], f"type {message['type']}")
            yield Route(
                IPv4Network((message.get_attr("RTA_DST") or "0.0.0.0", message["dst_len"])),
                self._names.get(index, ""),
                IPv4Address(via) if via else None,
                message.get_attr("RTA_PRIORITY") or 0,
                "multipath" if message.get_attr("RTA_MULTIPATH") else kind,
                tuple(map(self._next_hop, message.get_attr("RTA_MULTIPATH") or ())),
            )

    def _next_hop(self, hop: Any) -> NextHop:
        link, via = self._own.get(hop["oif"]), hop.get_attr("RTA_GATEWAY")
        return NextHop(link.name if link is not None else "", IPv4Address(via) if via else None, hop["hops"] + 1)

    def _neighbours(self) -> Iterator[Neighbour]:
        for data in self._held.route.dump(messages.list_neighbours()):
            message = decode(ndmsg, data)
            name = self._names.get(message["ifindex"])
            if name is not None and message["state"] & messages.PERMANENT:
                yield Neighbour(name, IPv4Address(message.get_attr("NDA_DST")), message.get_attr("NDA_LLADDR"))

    def _fdb(self) -> Iterator[FdbEntry]:
        if all(link.kind != "vxlan" for link in self._own.values()):
            return
        for data in self._held.route.dump(messages.list_fdb()):
            message = decode(ndmsg, data)
            name = self._names.get(message["ifindex"])
            vtep = message.get_attr("NDA_DST")
            permanent = message["state"] & messages.PERMANENT and message["flags"] & messages.SELF
            if name is not None and vtep is not None and permanent:
                yield FdbEntry(name, message.get_attr("NDA_LLADDR"), IPv4Address(vtep))

    def _sysctls(self, wanted: Mapping[str, str]) -> dict[str, str]:
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
