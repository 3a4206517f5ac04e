"""Worlds on paper: what the mesh renders, on a LAN of one switch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface
from typing import Any

from meshnet.mesh import render
from meshnet.model import ClusterState
from meshnet.netstate import Address, Bridge, Link, NamespaceRef, NetState, Veth
from meshnet.path import Hop, Path
from meshnet.predict.world import Listener, World

SWITCH = NamespaceRef("lab")
CLIENT = NamespaceRef("client")
CLIENT_ADDRESS = IPv4Interface("192.168.56.100/24")


def lan(machines: Mapping[NamespaceRef, tuple[NetState, IPv4Interface]]) -> dict[NamespaceRef, NetState]:
    """The machines with an ``eth0`` each, and the switch ``lan1`` between them."""
    states = {}
    ports = {}
    for number, (at, (state, address)) in enumerate(machines.items(), 1):
        port = f"lan1-eth{number}"
        mac = ":".join(f"{byte:02x}" for byte in (0x02, 0x00, *address.ip.packed))
        ports[port] = Link(port, Veth("eth0", at), master="lan1")
        states[at] = replace(
            state,
            links={"eth0": Link("eth0", Veth(port, SWITCH), mac=mac), **state.links},
            addresses=(Address("eth0", address, address.network.broadcast_address), *state.addresses),
        )
    switch = NetState(
        links={"lan1": Link("lan1", Bridge()), **ports}, sysctls={"net.bridge.bridge-nf-call-iptables": "0"}
    )
    return {**states, SWITCH: switch}


def on_lan(state: ClusterState, listeners: Mapping[NamespaceRef, Iterable[Listener]] | None = None) -> World:
    """The cluster's namespaces, its machines on a LAN with a client."""
    rendered = {at: _with_macs(at, each) for at, each in render(state).items()}
    machines = {NamespaceRef(node.name): node.address for node in state.nodes.values()}
    underlay = lan({CLIENT: (NetState(), CLIENT_ADDRESS), **{at: (rendered[at], it) for at, it in machines.items()}})
    heard = None if listeners is None else {at: frozenset(there) for at, there in listeners.items()}
    return World({**rendered, **underlay}, heard)


def _with_macs(at: NamespaceRef, state: NetState) -> NetState:
    """With what the kernel draws."""
    links = {
        name: link if link.mac else replace(link, mac=f"06:00:00:00:{sum(at.file.encode()) % 256:02x}:{number:02x}")
        for number, (name, link) in enumerate(state.links.items())
    }
    return replace(state, links=links)


def changed(world: World, at: NamespaceRef, **changes: Any) -> World:
    """The same world with a namespace that is otherwise."""
    return replace(world, states={**world.states, at: replace(world.states[at], **changes)})


def lines(path: Path) -> list[str]:
    """Hops in short lines."""
    return [line(hop) for hop in path.hops]


def line(hop: Hop) -> str:
    packet = hop.packet
    words = [str(hop.at), hop.stage.value, hop.interface if not hop.rule else "", str(hop.rule or "")]
    words.append(f"[{packet.vni}: {packet.inner}]" if packet.inner else str(packet))
    words.append(f"ttl {packet.ttl}")
    if packet.mark is not None:
        words.append(f"mark {packet.mark:#x}" if packet.mark else "")
    else:
        words.append(f"{packet.source_mac} > {packet.destination_mac}")
    if hop.verdict.value != "passes":
        words.append(hop.verdict.value)
    return " ".join(filter(None, words))


def ip(text: str) -> IPv4Address:
    return IPv4Address(text)
