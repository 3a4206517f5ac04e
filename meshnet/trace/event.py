"""What was seen of one packet, frame or rule hit, with its headers."""

from __future__ import annotations

from dataclasses import dataclass

from meshnet.netstate import NamespaceRef
from meshnet.path import Packet
from meshnet.trace.decode import decode_frame, decode_packet
from meshnet.trace.seen import Hit, Sighting

_ETHERNET_HEADER = 14


@dataclass(frozen=True, slots=True)
class Event:
    """One sighting, or one hit: ``seen`` says which. ``data`` begins with the IP header."""

    seen: Sighting | Hit
    packet: Packet
    data: bytes

    @property
    def at(self) -> NamespaceRef:
        return self.seen.at

    @property
    def carried(self) -> bool:
        """Whether it is of the packet that carries the one under way."""
        return self.packet.inner is not None

    @classmethod
    def of_sighting(cls, sighting: Sighting) -> Event | None:
        """None for what is no IPv4."""
        packet = decode_frame(sighting.data)
        return None if packet is None else cls(sighting, packet, sighting.data[_ETHERNET_HEADER:])

    @classmethod
    def of_hit(cls, hit: Hit) -> Event | None:
        packet = decode_packet(hit.data, hit.mark)
        return None if packet is None else cls(hit, packet, hit.data)
