"""A trace that somebody asked for, and the probe it comes to."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address

from meshnet.errors import InputError
from meshnet.lab.control.trace_request import PROTOCOLS
from meshnet.lab.control.wire import Json
from meshnet.lab.observing import source_ports
from meshnet.lab.observing.naming import Naming
from meshnet.path import Probe
from meshnet.trace.probing import least_length

_WITH_PORTS = ("tcp", "udp", "sctp")
_OWN_LENGTH = ("tcp", "sctp")
_LONGEST = 65535


@dataclass(frozen=True, slots=True)
class TraceRequest:
    """``size`` is the IP packet's, in bytes; None and 0 mean what is usual."""

    source: str
    destination: str
    protocol: str = "tcp"
    port: int | None = None
    size: int | None = None
    ttl: int | None = None
    source_port: int | None = None
    predict_only: bool = False

    @classmethod
    def from_json(cls, request: Json) -> TraceRequest:
        """Of what ``trace_request`` gives. Raises ``InputError``."""
        port = request.get("port")
        protocol = request.get("protocol") or ("icmp" if port is None else "tcp")
        asked = cls(
            request["source"],
            request["destination"],
            protocol,
            port,
            request.get("size"),
            request.get("ttl"),
            request.get("source_port"),
            bool(request.get("predict_only")),
        )
        asked._check()
        return asked

    def probe(self, naming: Naming) -> Probe:
        """Raises ``InputError`` for places and addresses that aren't there."""
        origin = naming.place(self.source)
        address = naming.address(self.destination, origin)
        if not _is_of_one_host(address):
            raise InputError(f"expected the address of one host, found {address}")
        return Probe(
            origin,
            address,
            self.protocol,
            self.port,
            self.source_port or source_ports.drawn(),
            ttl=self.ttl or 64,
            length=self.size or least_length(self.protocol),
        )

    def _check(self) -> None:
        if self.protocol not in PROTOCOLS:
            raise InputError(f"expected a protocol of {', '.join(PROTOCOLS)}, found {self.protocol!r}")
        if (self.port is None) == (self.protocol in _WITH_PORTS):
            with_it = "needs a port: DST:PORT" if self.port is None else "has no ports: DST alone"
            raise InputError(f"{self.protocol} {with_it}")
        for what, value, most in (("port", self.port, 65535), ("source port", self.source_port, 65535)):
            _check_range(what, value, 1, most)
        _check_range("TTL", self.ttl, 1, 255)
        if self.size is not None and self.protocol in _OWN_LENGTH:
            raise InputError(f"a packet that opens a connection of {self.protocol} has its own size; try --proto udp")
        _check_range("size in bytes", self.size, least_length(self.protocol), _LONGEST)


def _check_range(what: str, value: int | None, least: int, most: int) -> None:
    if value is not None and not least <= value <= most:
        raise InputError(f"expected a {what} of {least} to {most}, found {value}")


def _is_of_one_host(address: IPv4Address) -> bool:
    return not (address.is_multicast or address.is_reserved or address.is_unspecified)
