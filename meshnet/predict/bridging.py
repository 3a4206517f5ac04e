"""Frames in a bridge: iptables' look at them, and the port they leave by (br_input.c, br_netfilter_hooks.c)."""

from __future__ import annotations

from dataclasses import replace

from meshnet.errors import NotTaughtError
from meshnet.netstate import Veth
from meshnet.path import Cause, Hook, Packet, Stage, Why
from meshnet.predict import causes, steps
from meshnet.predict.atlas import Place
from meshnet.predict.frames import SLACK
from meshnet.predict.neighbours import mac_of
from meshnet.predict.routing import Way
from meshnet.predict.segment import is_own, port_towards
from meshnet.predict.sending import next_hop
from meshnet.predict.steps import Buffer, Receive, Step, Transmit
from meshnet.predict.walk import Walk


def bridge(walk: Walk, step: steps.Bridge) -> Step | None:
    buffer = step.buffer
    if buffer.port and not step.filtered and walk.host(buffer.at).settings.bridges_by_iptables:
        return _filter(walk, buffer, step.bridge)
    place, mac = Place(buffer.at, step.bridge), buffer.packet.destination_mac
    if mac is None:
        raise NotTaughtError(f"predict wasn't told the MAC that a frame in {step.bridge} of {buffer.at} is for")
    if is_own(walk.atlas, place, mac):
        return _up(walk, step)
    port = port_towards(walk.atlas, place, mac, frozenset(walk.memory.learned))
    if port is None:
        return walk.stop(buffer, causes.unknown_station(buffer.at, step.bridge, mac))
    if port == buffer.port:
        return walk.stop(buffer, causes.same_port(buffer.at, port))
    return _across(walk, step, port)


def _filter(walk: Walk, buffer: Buffer, name: str) -> Step | None:
    """PREROUTING. DNAT may make the frame one for another station of the bridge, or for the bridge itself, which also
    gets what can't be routed: IP drops it there (``br_nf_pre_routing_finish``). A martian gets no further."""
    passed = walk.traverse(Hook.PREROUTING, buffer)
    if passed is None:
        return None
    if passed.packet.destination == buffer.packet.destination:
        return steps.Bridge(passed, name, filtered=True)
    place, packet = Place(passed.at, name), passed.packet
    way = walk.way_in(passed.at, packet.source, packet.destination, name)
    if isinstance(way, Cause) and way.why is not Why.NO_ROUTE:
        return walk.stop(passed, way)
    if isinstance(way, Way) and way.link == name and walk.host(passed.at).settings.forwards(name):
        mac = next_hop(walk, place, way.via or packet.destination, packet.source)
        return _to_another_station(walk, passed, place, mac)
    upwards = replace(packet, destination_mac=mac_of(walk.atlas, place))
    return steps.Bridge(replace(passed, packet=upwards), name, filtered=True)


def _to_another_station(walk: Walk, buffer: Buffer, place: Place, mac: str | Cause) -> Step | None:
    """The frame stays in the bridge, and keeps its source MAC. If the kernel's own entry for the neighbour isn't fresh,
    it goes round by the bridge's interface, and is seen there. It has the bridge's MAC then, for so short a time that
    captures, which share the frame's bytes, show the other."""
    if isinstance(mac, Cause):
        return walk.stop(buffer, mac)
    there = replace(buffer, packet=replace(buffer.packet, destination_mac=mac))
    if walk.choices.pick((False, True)):
        text = f"{there.packet.destination} dev {place.link} lladdr {mac}, not REACHABLE"
        walk.seen(there, Stage.OUT, place.link, Cause(Why.NEIGHBOUR, text))
    return steps.Bridge(there, place.link, filtered=True)


def _up(walk: Walk, step: steps.Bridge) -> Step | None:
    buffer = step.buffer
    if not buffer.port:
        raise NotTaughtError(f"predict wasn't taught frames that {step.bridge} of {buffer.at} sends to itself")
    text = f"{buffer.packet.destination_mac} dev {step.bridge} master {step.bridge} permanent"
    walk.seen(buffer, Stage.IN, step.bridge, Cause(Why.BRIDGE, text))
    return Receive(buffer, prerouted=step.filtered)


def _across(walk: Walk, step: steps.Bridge, port: str) -> Step | None:
    """Out by another port: FORWARD, POSTROUTING. Frames that the bridge itself sends have been through OUTPUT. A port
    without a carrier isn't part of the bridge for as long."""
    buffer, out = step.buffer, walk.atlas.link(Place(step.buffer.at, port))
    end = walk.atlas.far_end(Place(buffer.at, port)) if isinstance(out.kind, Veth) else None
    if isinstance(end, Cause) or not out.up:
        return walk.stop(buffer, end if isinstance(end, Cause) else causes.link_down(buffer.at, port))
    for hook in (Hook.FORWARD, Hook.POSTROUTING) if step.filtered else ():
        came_by = step.bridge if hook is Hook.FORWARD else ""
        passed = walk.traverse(hook, replace(buffer, came_by=came_by), out=step.bridge, port_out=port)
        if passed is None:
            return None
        buffer = passed
    if _is_too_long(buffer.packet, out.mtu, filtered=step.filtered):
        return walk.stop(buffer, causes.too_long(buffer.at, port, buffer.packet, out.mtu))
    cause = Cause(Why.BRIDGE, f"{buffer.packet.destination_mac} dev {port} master {step.bridge}")
    return Transmit(replace(buffer, came_by="", port=""), port, cause)


def _is_too_long(packet: Packet, mtu: int, *, filtered: bool) -> bool:
    """br_netfilter would fragment what may be fragmented."""
    if filtered and packet.length > mtu and not packet.dont_fragment:
        raise NotTaughtError(f"predict wasn't taught fragments: {packet.length} bytes by a bridge's port of {mtu}")
    return packet.length > mtu + (0 if filtered else SLACK)
