"""What is sent to see where it goes."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address

from meshnet.netstate import NamespaceRef

TCP_SYN_LENGTH = 60
"""Bytes of the IP packet with which Linux opens a connection, and of the one it accepts it with: 20 of IP, 20 of TCP,
20 of options."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One packet sent by a socket of ``origin``; of TCP the first of a connection.

    ``source`` is the address the socket is bound to, None for the one that the route gives. ``port`` is that of the
    destination; of an ICMP echo both are its identifier. ``length`` is the IP packet's in bytes. All have DF set.
    """

    origin: NamespaceRef
    destination: IPv4Address
    protocol: str = "tcp"
    port: int | None = None
    source_port: int | None = None
    source: IPv4Address | None = None
    ttl: int = 64
    length: int = TCP_SYN_LENGTH
