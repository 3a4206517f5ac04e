"""Worlds on paper: what the mesh renders, on a LAN of one switch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface
from typing import Any

from meshnet.mesh import render
from meshnet.model import ClusterState
from meshnet.netstate import Address, Bridge, Link, NamespaceRef, NetState, Veth
from meshnet.netstate.world import Listener, World
from meshnet.path import Hop, Path, Verdict

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
    """Hops in short lines, without what is the same all the way."""
    return [line(hop) for hop in path.hops]


def line(hop: Hop) -> str:
    """``swarm-worker1 nat DOCKER-INGRESS 1: tcp 192.168.56.100:40000 > 172.19.0.2:8000 S ttl 64``; of a packet that
    carries another, its VNI and that other."""
    packet = hop.packet
    stage = str(hop.rule) if hop.rule else f"{hop.stage.value} {hop.interface if hop.stage.value != 'ipvs' else ''}"
    words = [str(hop.at), f"{stage.strip()}:", f"[{packet.vni}: {packet.inner}]" if packet.inner else str(packet)]
    words += [f"ttl {packet.ttl}"]
    words += [f"mark {packet.mark:#x}"] if packet.mark else []
    words += [hop.verdict.value] if hop.verdict is not Verdict.PASSES else []
    return " ".join(words)


def ip(text: str) -> IPv4Address:
    return IPv4Address(text)
