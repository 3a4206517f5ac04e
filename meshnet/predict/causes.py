"""Why a packet goes no further, in words: what is missing and where, and what would mend it."""

from __future__ import annotations

from ipaddress import IPv4Address

from meshnet.netstate import NamespaceRef, Veth
from meshnet.path import Cause, Packet, Why
from meshnet.predict.routing import Way


def no_route(at: NamespaceRef, destination: IPv4Address, way: Way | None) -> Cause:
    if way is not None:
        return Cause(Why.NO_ROUTE, f"{at}: {way.text}", f"ip route del {way.text}")
    text = f"{at} has no route to {destination}"
    return Cause(Why.NO_ROUTE, text, f"ip route add {destination} via GATEWAY dev INTERFACE")


def no_neighbour(at: NamespaceRef, link: str, address: IPv4Address) -> Cause:
    text = f"nobody answers {at}'s ARP for {address} on {link}"
    mend = (
        f"start who should have {address}, or where it is behind vxlan0: ip neigh add {address} lladdr MAC dev vxlan0"
    )
    return Cause(Why.NO_NEIGHBOUR, text, mend)


def no_fdb_entry(at: NamespaceRef, link: str, mac: str) -> Cause:
    text = f"{link} of {at} has no FDB entry for {mac}"
    return Cause(Why.NO_FDB_ENTRY, text, f"bridge fdb add {mac} dev {link} dst VTEP self permanent")


def unknown_station(at: NamespaceRef, bridge: str, mac: str) -> Cause:
    text = f"no port of {bridge} in {at} leads to {mac}"
    return Cause(
        Why.NO_FDB_ENTRY, text, f"give whoever is to get it the address {mac}, or mend who sent it there: ip neigh"
    )


def same_port(at: NamespaceRef, port: str) -> Cause:
    text = f"{port} of {at} is the port it came by, and a bridge sends nothing back"
    return Cause(Why.BRIDGE, text, f"bridge link set dev {port} hairpin on")


def link_down(at: NamespaceRef, link: str) -> Cause:
    return Cause(Why.LINK_DOWN, f"{link} of {at} is down", f"ip link set {link} up")


def cut_off(at: NamespaceRef, link: str, kind: Veth) -> Cause:
    """The other end of a veth is down, or gone."""
    text = f"{link} of {at} has no carrier: its other end, {kind.peer} of {kind.peer_namespace}, is down"
    return Cause(Why.LINK_DOWN, text, f"ip link set {kind.peer} up, in {kind.peer_namespace}")


def not_for_us(at: NamespaceRef, link: str, frame: Packet, mac: str | None) -> Cause:
    text = f"the frame is for {frame.destination_mac}, and {link} of {at} is {mac}"
    return Cause(
        Why.NOT_FOR_US, text, f"ip link set {link} address {frame.destination_mac}, or mend the sender's ip neigh"
    )


def forwarding_off(at: NamespaceRef, link: str) -> Cause:
    text = f"{at} doesn't forward what comes in by {link}"
    return Cause(Why.FORWARDING_OFF, text, "sysctl -w net.ipv4.ip_forward=1")


def loopback_address(at: NamespaceRef, link: str, address: IPv4Address) -> Cause:
    text = f"{address} may not come or go by {link} of {at}"
    return Cause(Why.MARTIAN, text, f"sysctl -w net.ipv4.conf.{link}.route_localnet=1")


def own_source(at: NamespaceRef, link: str, source: IPv4Address) -> Cause:
    text = f"{source}, from which it came in by {link}, is {at}'s own"
    return Cause(Why.MARTIAN, text, f"sysctl -w net.ipv4.conf.{link}.accept_local=1")


def no_way_back(at: NamespaceRef, link: str, source: IPv4Address) -> Cause:
    text = f"{at} wouldn't send to {source} by {link}, by which it came"
    return Cause(Why.RP_FILTER, text, f"sysctl -w net.ipv4.conf.{link}.rp_filter=0")


def foreign_source(at: NamespaceRef, source: IPv4Address) -> Cause:
    return Cause(Why.SOCKET, f"{source} is no address of {at}", "bind it to one that is")


def invalid_address(at: NamespaceRef, address: IPv4Address) -> Cause:
    return Cause(Why.MARTIAN, f"{at} takes nothing from or for {address}")


def too_long(at: NamespaceRef, link: str, packet: Packet, mtu: int) -> Cause:
    text = f"{packet.length} bytes don't fit {link} of {at}, which takes {mtu}"
    return Cause(Why.MTU, text, f"send less, or: ip link set {link} mtu {packet.length}")


def too_old(at: NamespaceRef, packet: Packet) -> Cause:
    return Cause(Why.TTL, f"its TTL of {packet.ttl} ends at {at}", "send it with a greater TTL")


def no_server(at: NamespaceRef, mark: int) -> Cause:
    text = f"no real server of -f {mark} at {at} takes connections"
    return Cause(Why.NO_SERVER, text, f"ipvsadm -a -f {mark} -r SERVER:0 -m")


def no_listener(at: NamespaceRef, packet: Packet) -> Cause:
    text = f"no socket of {at} takes {packet.protocol} for {packet.destination}:{packet.destination_port}"
    return Cause(Why.NO_LISTENER, text, f"let something listen on {packet.protocol} port {packet.destination_port}")


def nobody_asked(at: NamespaceRef, packet: Packet) -> Cause:
    text = f"no socket of {at} waits for an answer from {packet.source}:{packet.source_port}"
    return Cause(
        Why.NO_LISTENER, text, "let the answer bear the address that was asked: it passed by who translated it"
    )


def no_vtep(at: NamespaceRef, packet: Packet) -> Cause:
    text = f"{at} has no VXLAN device of VNI {packet.vni} on port {packet.destination_port}"
    return Cause(
        Why.WRONG_VTEP, text, f"ip link add vxlan0 type vxlan id {packet.vni} dstport {packet.destination_port}"
    )


def other_vtep(at: NamespaceRef, link: str, mac: str, expected: IPv4Address, found: IPv4Address) -> Cause:
    """A permanent FDB entry is not moved by what comes in; what contradicts it is dropped (``vxlan_snoop``)."""
    text = f"{link} of {at} has {mac} behind {expected}, and this came from {found}"
    return Cause(Why.WRONG_VTEP, text, f"bridge fdb replace {mac} dev {link} dst {found} self permanent")
