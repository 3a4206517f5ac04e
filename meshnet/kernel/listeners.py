"""Sockets that wait for what comes.

TCP's are asked for by ``NETLINK_SOCK_DIAG``, which looks at those that listen alone; ``/proc/net/tcp`` goes through the
table of all connections of all namespaces, 15 ms each time on a large machine. The others' tables are small.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import closing, suppress
from ipaddress import IPv4Address
from pathlib import Path

from meshnet.kernel.attributes import attributes
from meshnet.kernel.namespaces import NetNamespace
from meshnet.kernel.netlink import DUMP, REQUEST, NetlinkSocket
from meshnet.netstate.world import Listener

_SOCK_DIAG = 4
_BY_FAMILY = 20
_LISTEN = 10
_REQUEST = struct.Struct("=IHHII4BI48x")
_ANSWER = struct.Struct("=16x4B2s2x16s16x12x20x")
_V6_ONLY = 11
_MAPPED = bytes(10) + b"\xff\xff"

_FOLDER = "/proc/thread-self/net/"
_FILES = {"udp": "udp", "udp6": "udp", "sctp/eps": "sctp"}
_WAITING = {"tcp": "0A", "udp": "07"}
"""The states ``TCP_LISTEN`` and, of UDP's sockets that are connected to nobody, ``TCP_CLOSE``."""

_SCTP_PORT = 5
_PAGE = 4096


class Listening:
    """The sockets of one namespace that wait, to be looked at again and again, from any thread, until ``close``."""

    def __init__(self, namespace: NetNamespace) -> None:
        """Raises ``OSError``."""
        self._namespace = namespace
        self._diag = NetlinkSocket(namespace, _SOCK_DIAG)
        self._files: dict[str, int] = {}
        with namespace.entered():
            for name in _FILES:
                with suppress(FileNotFoundError):
                    self._files[name] = os.open(_FOLDER + name, os.O_RDONLY | os.O_CLOEXEC)

    def close(self) -> None:
        self._diag.close()
        for fd in self._files.values():
            os.close(fd)

    def listeners(self) -> frozenset[Listener]:
        """All of them. IPv6's that wait on every address take IPv4, too, and UDP's are taken to. A VXLAN device's
        socket is the kernel's own and isn't listed. Raises ``OSError``."""
        found = [each for name, fd in self._files.items() for each in _of_text(_text(fd), _FILES[name])]
        return frozenset((*found, *self._of_tcp()))

    def _of_tcp(self) -> list[Listener]:
        try:
            answers = [data for request in _REQUESTS for data in self._diag.dump(request)]
        except OSError as error:
            if error.errno != errno.ENOENT:
                raise
            return self._of_tcp_without_diag()
        return [listener for listener in map(_of_answer, answers) if listener is not None]

    def _of_tcp_without_diag(self) -> list[Listener]:
        found: list[Listener] = []
        with self._namespace.entered():
            for name in ("tcp", "tcp6"):
                with suppress(FileNotFoundError):
                    found += _of_text(Path(_FOLDER, name).read_text(), "tcp")
        return found


def listeners(namespace: NetNamespace) -> frozenset[Listener]:
    """All of ``namespace``, once. Raises ``OSError``."""
    with closing(Listening(namespace)) as listening:
        return listening.listeners()


def _request(family: int) -> bytes:
    """``struct inet_diag_req_v2``."""
    states = 1 << _LISTEN
    return _REQUEST.pack(_REQUEST.size, _BY_FAMILY, REQUEST | DUMP, 0, 0, family, socket.IPPROTO_TCP, 0, 0, states)


_REQUESTS = tuple(_request(family) for family in (socket.AF_INET, socket.AF_INET6))


def _of_answer(data: bytes) -> Listener | None:
    """``struct inet_diag_msg``; None for what takes IPv6 alone."""
    family, _, _, _, port, address = _ANSWER.unpack_from(data)
    number = int.from_bytes(port, "big")
    if family == socket.AF_INET:
        return _listener("tcp", number, address[:4])
    if address.startswith(_MAPPED):
        return _listener("tcp", number, address[len(_MAPPED) :])
    if any(address) or any(attributes(data, _ANSWER.size).get(_V6_ONLY, b"")):
        return None
    return Listener("tcp", number)


def _listener(protocol: str, port: int, address: bytes) -> Listener:
    return Listener(protocol, port, IPv4Address(address) if any(address) else None)


def _text(fd: int) -> str:
    """All that a file of ``/proc/net`` says. It gives about a page at a time: much less is the rest of it."""
    pieces = []
    at = 0
    while True:
        pieces.append(os.pread(fd, _PAGE, at))
        at += len(pieces[-1])
        if len(pieces[-1]) < _PAGE // 2:
            return b"".join(pieces).decode()


def _of_text(text: str, protocol: str) -> Iterator[Listener]:
    """SCTP's has the port as a number by itself: ``ENDPT SOCK STY SST HBKT LPORT UID INODE LADDRS``."""
    for line in text.splitlines()[1:]:
        if protocol == "sctp":
            yield Listener("sctp", int(line.split()[_SCTP_PORT]))
            continue
        _, local, _, state, *_ = line.split()
        address, _, port = local.partition(":")
        number = int(address, 16)
        if state == _WAITING[protocol] and (len(address) == 8 or not number):
            yield _listener(protocol, int(port, 16), number.to_bytes(4, "little"))
