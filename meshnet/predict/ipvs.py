"""IPVS's connections in one namespace."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address

from meshnet.netstate import Destination
from meshnet.path import Packet

PROTOCOLS = ("tcp", "udp", "sctp")
"""What IPVS balances; a ping to a virtual address is the namespace's own to answer."""


@dataclass(frozen=True, slots=True)
class Balanced:
    """A connection: ``request`` is its first packet as it came to IPVS, ``port`` that of the real server; ``text`` says
    so in the words of ``ipvsadm -Sn``."""

    request: Packet
    server: Destination
    port: int | None
    text: str


@dataclass(slots=True)
class Ipvs:
    connections: list[Balanced] = field(default_factory=list)

    def request(self, packet: Packet) -> Balanced | None:
        """The connection that ``packet``, from a client, belongs to."""
        return next((each for each in self.connections if _ends(each.request) == _ends(packet)), None)

    def answered_by(self, packet: Packet) -> Balanced | None:
        """The connection that ``packet`` is a real server's answer in (``ip_vs_conn_out_get``)."""
        ends = (packet.protocol, packet.destination, packet.destination_port, packet.source, packet.source_port)
        return next((each for each in self.connections if _expected(each) == ends), None)


def _ends(packet: Packet) -> tuple[str, IPv4Address, int | None, IPv4Address, int | None]:
    return packet.protocol, packet.source, packet.source_port, packet.destination, packet.destination_port


def _expected(connection: Balanced) -> tuple[str, IPv4Address, int | None, IPv4Address, int | None]:
    request = connection.request
    return request.protocol, request.source, request.source_port, connection.server.address, connection.port
