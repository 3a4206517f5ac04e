"""Whether a frame is what a test describes by a packet of scapy's."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address
from typing import Any

from scapy.base_classes import Net
from scapy.packet import NoPayload, Packet


def matches(wanted: Packet, frame: Packet) -> bool:
    """Whether ``frame`` has the layers of ``wanted``, one after the other and anywhere in it, each with the fields that
    were set there; those that weren't may be anything.

    A list stands for any of its values, a network (``IP(dst="10.0.0.0/8")``) for any address in it. Of a frame carried
    over VXLAN both are looked at: ``IP()/UDP()/VXLAN(vni=4096)`` is outside, ``VXLAN()/Ether()/IP()`` leads inside.
    """
    pattern = list(layers(wanted))
    found = list(layers(frame))
    starts = range(len(found) - len(pattern) + 1)
    return any(all(map(_fits, pattern, found[start : start + len(pattern)])) for start in starts)


def layers(packet: Packet) -> Iterator[Packet]:
    layer = packet
    while not isinstance(layer, NoPayload):
        yield layer
        layer = layer.payload


def _fits(wanted: Packet, layer: Packet) -> bool:
    if type(wanted) is not type(layer):
        return False
    return all(_is_one_of(value, layer.getfieldval(name)) for name, value in wanted.fields.items() if value != [])


def _is_one_of(wanted: Any, value: Any) -> bool:
    if isinstance(wanted, Net):
        return bool(value in wanted)
    if isinstance(wanted, list) and not isinstance(value, list):
        return any(_is_one_of(each, value) for each in wanted)
    if isinstance(wanted, IPv4Address):
        return bool(str(wanted) == value)
    return bool(wanted == value)
