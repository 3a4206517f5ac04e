"""IPVS's connections: which real server it has chosen for which client."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

from meshnet.kernel.namespaces import NetNamespace

_FILE = Path("/proc/thread-self/net/ip_vs_conn")
_IPV4_DIGITS = 8


@dataclass(frozen=True, slots=True)
class IpvsConnection:
    """One. ``protocol`` is ``tcp``, ``udp`` or ``sctp``; ``client`` sent it to ``virtual``, and it goes to ``server``.
    ``state`` is in the kernel's words (``SYN_RECV``, ``ESTABLISHED``, ``UDP``); it is forgotten in ``expires`` seconds
    unless something comes."""

    protocol: str
    client: IPv4Address
    client_port: int
    virtual: IPv4Address
    virtual_port: int
    server: IPv4Address
    server_port: int
    state: str
    expires: int


def connections(namespace: NetNamespace) -> tuple[IpvsConnection, ...]:
    """All of ``namespace``; none in a kernel without IPVS. Raises ``OSError``."""
    with namespace.entered():
        try:
            return tuple(parse(_FILE.read_text()))
        except FileNotFoundError:
            return ()


def parse(text: str) -> Iterator[IpvsConnection]:
    """The connections over IPv4 in what ``/proc/net/ip_vs_conn`` says. Templates, by which a persistent service finds a
    client's server again, are no connections, and have no client's port."""
    for line in text.splitlines()[1:]:
        protocol, client, client_port, virtual, virtual_port, server, server_port, state, expires, *_ = line.split()
        if len(client) == _IPV4_DIGITS and int(client_port, 16):
            yield IpvsConnection(
                protocol.lower(),
                _address(client),
                int(client_port, 16),
                _address(virtual),
                int(virtual_port, 16),
                _address(server),
                int(server_port, 16),
                state,
                int(expires),
            )


def _address(digits: str) -> IPv4Address:
    return IPv4Address(int(digits, 16))
