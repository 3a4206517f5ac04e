"""What the kernel has, as values: only what somebody put there, in the form that ``diff`` compares."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import TypeAlias

from meshnet.kernel import address_messages as messages
from meshnet.kernel import sysctl
from meshnet.kernel.held import Held
from meshnet.kernel.iptables import Iptables
from meshnet.kernel.ipvs import IpvsMessages
from meshnet.kernel.lean_pyroute2 import ifaddrmsg, ndmsg, nsidmsg, rtmsg
from meshnet.kernel.netlink import decode, encode
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
    OtherLink,
    Route,
    Veth,
    Vxlan,
)
from meshnet.netstate.dialects import iptables_save
from meshnet.netstate.state import LOOPBACK

Links: TypeAlias = Mapping[int, SeenLink]
"""A namespace's interfaces by index."""

_GETNSID = 90
_VXLAN_FLAGS = ("learning", "proxy", "l2miss", "l3miss")
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
        links = {ref: list_seen(held.route) for ref, held in those.items()}
        for ref, held in those.items():
            held.learn(links[ref].values())
        nothing = NetState()
        states = {ref: _Reader(held, those, links, like.get(ref, nothing)).state(ipvs) for ref, held in those.items()}
    finally:
        texts = {ref: save.finish() if save is not None else "" for ref, save in saves.items()}
    return {ref: replace(state, rules=iptables_save.parse(texts[ref])) for ref, state in states.items()}


class _Reader:
    """Reads one namespace; ``links`` are those of all that are looked at."""

    def __init__(
        self, held: Held, helds: Mapping[NamespaceRef, Held], links: Mapping[NamespaceRef, Links], like: NetState
    ) -> None:
        self._held, self._helds, self._links, self._like = held, helds, links, like
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
            sysctls=self._sysctls(self._like.sysctls),
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
        between nodes are the topology's, and foreign."""
        refs = [ref for ref in self._helds if ref.node == self._held.ref.node]
        answers = self._held.route.ask([_number_request(self._helds[ref]) for ref in refs])
        numbers = (decode(nsidmsg, answer).get_attr("NETNSA_NSID") if answer else None for answer in answers)
        return {number: ref for number, ref in zip(numbers, refs, strict=True) if number is not None}

    def _addresses(self) -> Iterator[Address]:
        for data in self._held.route.dump(messages.list_addresses()):
            message = decode(ifaddrmsg, data)
            interface = IPv4Interface((message.get_attr("IFA_LOCAL"), message["prefixlen"]))
            broadcast = message.get_attr("IFA_BROADCAST")
            name = self._names.get(message["index"])
            if name is not None and interface != LOOPBACK:
                yield Address(name, interface, IPv4Address(broadcast) if broadcast else None)

    def _routes(self) -> Iterator[Route]:
        for data in self._held.route.dump(messages.list_routes()):
            message = decode(rtmsg, data)
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
            )

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


def _number_request(held: Held) -> bytes:
    message = nsidmsg()
    message["attrs"] = [("NETNSA_FD", held.namespace.fd)]
    return encode(message, _GETNSID, 0)
