"""``ip -j [-d] link``, ``addr``, ``route`` and ``neigh``.

What of it a namespace's value has a place for, no more: of addresses and routes the IPv4 ones that the kernel did not
add by itself, of neighbours the permanent ones.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Any

from meshnet.netstate.link import Bridge, Link, LinkKind, OtherLink, Veth, Vxlan
from meshnet.netstate.namespace import NamespaceRef
from meshnet.netstate.state import LOOPBACK, Address, Neighbour, NextHop, Route

Json = dict[str, Any]


def parse_links(text: str, namespace: NamespaceRef) -> dict[str, Link]:
    """The interfaces in ``ip -j -d link``'s output, ``lo`` left out.

    A veth's peer and a VXLAN device's underlay are known only if they lie in ``namespace``, where ``text`` is from:
    for others ``ip`` has a number at most.
    """
    return {item["ifname"]: _link(item, namespace) for item in json.loads(text) if item["ifname"] != "lo"}


def _link(item: Json, namespace: NamespaceRef) -> Link:
    return Link(
        name=item["ifname"],
        kind=_kind(item, namespace),
        mac=item.get("address"),
        mtu=item["mtu"],
        master=item.get("master"),
        up="UP" in item["flags"],
    )


def _kind(item: Json, namespace: NamespaceRef) -> LinkKind:
    info = item.get("linkinfo", {})
    data = info.get("info_data", {})
    match info.get("info_kind"):
        case "veth":
            return Veth(item["link"], namespace) if "link" in item else Veth(None, None)
        case "bridge":
            return Bridge()
        case "vxlan":
            flags = {flag: bool(data.get(flag)) for flag in ("learning", "proxy", "l2miss", "l3miss")}
            return Vxlan(data["id"], data["port"], None if "link_netnsid" in item else namespace, **flags)
        case kind:
            return OtherLink(kind or item.get("link_type", ""))


def write_links(links: Mapping[str, Link], namespace: NamespaceRef) -> str:
    """``links``, which are in ``namespace``, as ``ip -j -d link`` has them, in the keys that ``parse_links`` reads."""
    return json.dumps([_link_item(link, namespace) for link in links.values()])


def _link_item(link: Link, namespace: NamespaceRef) -> Json:
    item: Json = {"ifname": link.name, "flags": ["UP"] if link.up else [], "mtu": link.mtu}
    if link.master:
        item["master"] = link.master
    if link.mac:
        item["address"] = link.mac
    match link.kind:
        case Veth(peer, peer_namespace):
            item |= {"link": peer} if peer_namespace == namespace else {"link_netnsid": 0}
            item["linkinfo"] = {"info_kind": "veth"}
        case Bridge():
            item["linkinfo"] = {"info_kind": "bridge"}
        case Vxlan() as vxlan:
            item |= {} if vxlan.underlay == namespace else {"link_netnsid": 0}
            flags = {flag: getattr(vxlan, flag) for flag in ("learning", "proxy", "l2miss", "l3miss")}
            item["linkinfo"] = {"info_kind": "vxlan", "info_data": {"id": vxlan.vni, "port": vxlan.port, **flags}}
        case OtherLink(kind):
            item["linkinfo"] = {"info_kind": kind}
    return item


def parse_addresses(text: str) -> tuple[Address, ...]:
    """The IPv4 addresses in ``ip -j addr``'s output, without the 127.0.0.1/8 that every ``lo`` has."""
    return tuple(
        Address(item["ifname"], interface, IPv4Address(entry["broadcast"]) if "broadcast" in entry else None)
        for item in json.loads(text)
        for entry in item["addr_info"]
        if entry["family"] == "inet"
        and (interface := IPv4Interface(f"{entry['local']}/{entry['prefixlen']}")) != LOOPBACK
    )


def write_addresses(addresses: Iterable[Address]) -> str:
    """``addresses`` as ``ip -j addr`` has them, in the keys that ``parse_addresses`` reads."""
    items: dict[str, Json] = {}
    for address in addresses:
        item = items.setdefault(address.link, {"ifname": address.link, "addr_info": []})
        entry = {"family": "inet", "local": str(address.interface.ip), "prefixlen": address.interface.network.prefixlen}
        if address.broadcast is not None:
            entry["broadcast"] = str(address.broadcast)
        item["addr_info"].append(entry)
    return json.dumps(list(items.values()))


def parse_routes(text: str) -> frozenset[Route]:
    """The routes in ``ip -j route``'s output that the kernel did not add for an address."""
    return frozenset(_route(item) for item in json.loads(text) if item.get("protocol") != "kernel")


def _route(item: Json) -> Route:
    return Route(
        IPv4Network("0.0.0.0/0" if item["dst"] == "default" else item["dst"]),
        item.get("dev", ""),
        IPv4Address(item["gateway"]) if "gateway" in item else None,
        item.get("metric", 0),
        "multipath" if "nexthops" in item else item.get("type", "unicast"),
        tuple(_next_hop(hop) for hop in item.get("nexthops", ())),
    )


def _next_hop(item: Json) -> NextHop:
    return NextHop(
        item.get("dev", ""), IPv4Address(item["gateway"]) if "gateway" in item else None, item.get("weight", 1)
    )


def write_routes(routes: Iterable[Route]) -> str:
    """``routes`` as ``ip -j route`` has them, in the keys that ``parse_routes`` reads."""
    return json.dumps([_route_item(route) for route in routes])


def _route_item(route: Route) -> Json:
    everywhere = route.destination.prefixlen == 0
    host = route.destination.prefixlen == 32
    destination = "default" if everywhere else str(route.destination.network_address if host else route.destination)
    item: Json = {"dst": destination}
    if route.kind == "multipath":
        item["nexthops"] = [_next_hop_item(hop) for hop in route.hops]
    elif route.kind != "unicast":
        item["type"] = route.kind
    if route.via is not None:
        item["gateway"] = str(route.via)
    if route.link:
        item["dev"] = route.link
    if route.metric:
        item["metric"] = route.metric
    return item


def _next_hop_item(hop: NextHop) -> Json:
    gateway = {"gateway": str(hop.via)} if hop.via is not None else {}
    return {**gateway, "dev": hop.link, "weight": hop.weight}


def parse_neighbours(text: str) -> frozenset[Neighbour]:
    """The permanent IPv4 entries in ``ip -j neigh``'s output."""
    return frozenset(
        Neighbour(item["dev"], IPv4Address(item["dst"]), item["lladdr"])
        for item in json.loads(text)
        if "PERMANENT" in item["state"] and ":" not in item["dst"]
    )


def write_neighbours(neighbours: Iterable[Neighbour]) -> str:
    """``neighbours`` as ``ip -j neigh`` has them."""
    return json.dumps(
        [
            {"dst": str(entry.address), "dev": entry.link, "lladdr": entry.mac, "state": ["PERMANENT"]}
            for entry in neighbours
        ]
    )
