"""Sockets that wait for what comes, as ``/proc/net`` lists them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from ipaddress import IPv4Address

from meshnet.kernel.namespaces import NetNamespace
from meshnet.predict.world import Listener

_FOLDER = "/proc/thread-self/net/"
_FILES = {"tcp": "tcp", "tcp6": "tcp", "udp": "udp", "udp6": "udp"}
_WAITING = {"tcp": "0A", "udp": "07"}
"""The states ``TCP_LISTEN`` and, of UDP's sockets that are connected to nobody, ``TCP_CLOSE``."""

_SCTP = "sctp/eps"
_SCTP_PORT = 5
_ANY = 0
_READ = 1 << 20


def listeners(namespace: NetNamespace) -> frozenset[Listener]:
    """All of ``namespace``. IPv6's that wait on every address take IPv4, too. A VXLAN device's socket is the kernel's
    own and isn't listed."""
    with namespace.entered():
        texts = {name: _text(name) for name in (*_FILES, _SCTP)}
    found = [listener for name, protocol in _FILES.items() for listener in _of_file(texts[name], protocol)]
    return frozenset((*found, *_of_sctp(texts[_SCTP])))


def _text(name: str) -> str:
    try:
        fd = os.open(_FOLDER + name, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return ""
    try:
        pieces = []
        while piece := os.read(fd, _READ):
            pieces.append(piece)
        return b"".join(pieces).decode()
    finally:
        os.close(fd)


def _of_file(text: str, protocol: str) -> Iterator[Listener]:
    for line in text.splitlines()[1:]:
        _, local, _, state, *_ = line.split()
        address, _, port = local.partition(":")
        number = int(address, 16)
        if state != _WAITING[protocol] or (number != _ANY and len(address) > 8):
            continue
        own = IPv4Address(number.to_bytes(4, "little")) if number != _ANY else None
        yield Listener(protocol, int(port, 16), own)


def _of_sctp(text: str) -> Iterator[Listener]:
    """``ENDPT SOCK STY SST HBKT LPORT UID INODE LADDRS``: one line an endpoint, all its addresses at the end."""
    for line in text.splitlines()[1:]:
        yield Listener("sctp", int(line.split()[_SCTP_PORT]))
