"""What a client asks of a lab that is to trace a packet."""

from __future__ import annotations

from meshnet.errors import InputError
from meshnet.lab.control.wire import Json

PROTOCOLS = ("tcp", "udp", "icmp", "sctp")


def trace_request(source: str, destination: str, **options: object) -> Json:
    """``destination`` is ``HOST`` or ``HOST:PORT``; options are ``TraceRequest``'s fields, None for none. Raises
    ``InputError``."""
    host, colon, port = destination.partition(":")
    if colon and not port.isdecimal():
        raise InputError(f"expected a port number after the colon, found {destination!r}")
    given = {name: value for name, value in options.items() if value is not None}
    return {"source": source, "destination": host, "port": int(port) if colon else None, **given}
