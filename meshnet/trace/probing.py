"""Sends a probe by a real socket of a namespace, and waits for what comes back.

TCP opens a connection as any program would, and resets it once it is open. All else is one packet. All have DF set.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from meshnet.errors import InputError
from meshnet.kernel.namespaces import NetNamespace
from meshnet.path import Packet, Probe
from meshnet.path.probe import TCP_SYN_LENGTH
from meshnet.trace.checksum import crc32c, internet_checksum
from meshnet.trace.decode import decode_packet
from meshnet.trace.recognise import Signature
from meshnet.trace.sent import Sent

IP_HEADER = 20
ICMP_HEADER = UDP_HEADER = 8
NONCE = 16
"""Bytes of the payload by which a probe is known."""

SCTP_LENGTH = IP_HEADER + 12 + 20
"""A packet with nothing but an INIT chunk."""

_IP_MTU_DISCOVER, _PMTUDISC_PROBE = 10, 3
_ECHO_REQUEST = 8
_TAG = 4
_KINDS = {"tcp": "S", "sctp": "init", "icmp": "echo-request"}
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_SCTP_INIT = 1
_LONGEST = 65535
_TOLD = (errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EMSGSIZE, errno.EPROTO)


class PortTakenError(InputError):
    """Another socket has the source port."""


@dataclass(slots=True)
class Probing:
    """A probe under way. ``answered`` becomes true when its socket has heard of an answer, were it a refusal;
    ``problem`` says why it could not be sent, in the kernel's words."""

    sent: Sent
    socket: socket.socket
    answered: bool = False
    problem: str = ""
    _poll: select.poll = field(default_factory=select.poll)

    def watch(self, events: int) -> None:
        """What on its socket tells of an answer."""
        self._poll.register(self.socket, events)

    def wait(self, until: float) -> bool:
        """Wait for an answer until that moment of ``time.monotonic``; whether there is one."""
        while not self.answered and not self.problem:
            left = until - time.monotonic()
            if left <= 0 or not self._poll.poll(left * 1000):
                break
            self._take()
        return self.answered

    def _take(self) -> None:
        protocol = self.sent.packet.protocol
        if protocol == "tcp":
            error = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            self.answered = error in (0, errno.ECONNREFUSED)
            self.problem = "" if self.answered else os.strerror(error)
            return
        try:
            data = self.socket.recv(_LONGEST)
        except OSError as error:
            self.answered = error.errno in _TOLD
            return
        self.answered = protocol == "udp" or self._is_answer(data)

    def _is_answer(self, data: bytes) -> bool:
        """A raw socket hears of all packets of its protocol, from the IP header on, its own as well."""
        packet = decode_packet(data)
        if packet is None or not self.sent.signature.marks(packet, data):
            return False
        return packet.kind != "echo-request" if packet.protocol == "icmp" else self.sent.packet.is_answered_by(packet)


@contextmanager
def sending(probe: Probe, namespace: NetNamespace) -> Iterator[Probing]:
    """Send it when the block begins; its ``problem`` says if the kernel would not. ``probe`` has a source port, and at
    least the length of ``least_length``. Raises ``OSError`` where there can be no such socket at all, and
    ``PortTakenError``."""
    nonce = os.urandom(NONCE)
    with namespace.entered():
        sender = _socket(probe)
    with sender:
        yield _send(probe, sender, nonce)


def least_length(protocol: str) -> int:
    """The shortest probe of a protocol, in bytes of the IP packet; TCP and SCTP have no other."""
    match protocol:
        case "tcp":
            return TCP_SYN_LENGTH
        case "sctp":
            return SCTP_LENGTH
        case "udp":
            return IP_HEADER + UDP_HEADER + NONCE
    return IP_HEADER + ICMP_HEADER + NONCE


def _socket(probe: Probe) -> socket.socket:
    kinds = {
        "tcp": (socket.SOCK_STREAM, 0),
        "udp": (socket.SOCK_DGRAM, 0),
        "icmp": (socket.SOCK_RAW, socket.IPPROTO_ICMP),
        "sctp": (socket.SOCK_RAW, socket.IPPROTO_SCTP),
    }
    if probe.protocol == "sctp":
        _have_the_kernel_load_sctp()
    kind, number = kinds[probe.protocol]
    sender = socket.socket(socket.AF_INET, kind | socket.SOCK_NONBLOCK, number)
    sender.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, probe.ttl)
    if probe.protocol == "tcp":
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    else:  # TCP has DF set unless it's told anything
        sender.setsockopt(socket.IPPROTO_IP, _IP_MTU_DISCOVER, _PMTUDISC_PROBE)
    return sender


def _have_the_kernel_load_sctp() -> None:
    """It does with the first socket of it. Before, nothing aborts what nobody listens for: a host that sends it to
    itself says nothing, since the sender's own raw socket has had it (``ip_protocol_deliver_rcu``)."""
    with suppress(OSError):
        socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_SCTP).close()


def _send(probe: Probe, sender: socket.socket, nonce: bytes) -> Probing:
    signature = Signature(probe.protocol, nonce=nonce[:_TAG] if probe.protocol == "sctp" else nonce)
    trouble = _try_to_send(probe, sender, nonce)
    source = IPv4Address(sender.getsockname()[0])
    probing = Probing(Sent(probe.origin, _as_sent(probe, source), signature), sender)
    if trouble == errno.ECONNREFUSED:
        probing.answered = True
    elif trouble:
        probing.problem = os.strerror(trouble)
    probing.watch(select.POLLOUT if probe.protocol == "tcp" else select.POLLIN)
    return probing


def _try_to_send(probe: Probe, sender: socket.socket, nonce: bytes) -> int:
    """The kernel's error number, 0 when it is on its way."""
    is_raw = probe.protocol in ("icmp", "sctp")
    try:
        if probe.source is not None or probe.source_port is not None:
            _bind(sender, str(probe.source or ""), 0 if is_raw else probe.source_port or 0, probe)
        sender.connect((str(probe.destination), 0 if is_raw else probe.port or 0))
        if probe.protocol != "tcp":
            sender.send(_payload(probe, nonce))
    except BlockingIOError:
        return 0
    except OSError as error:
        return error.errno or errno.EIO
    return 0


def _bind(sender: socket.socket, address: str, port: int, probe: Probe) -> None:
    try:
        sender.bind((address, port))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            problem = f"expected a source port that no {probe.protocol} socket of {probe.origin} has, found {port}"
            raise PortTakenError(problem) from error
        raise


def _as_sent(probe: Probe, source: IPv4Address) -> Packet:
    echo = probe.protocol == "icmp"
    return Packet(
        source,
        probe.destination,
        probe.protocol,
        probe.source_port,
        probe.source_port if echo else probe.port,
        _KINDS.get(probe.protocol, ""),
        probe.ttl,
        probe.length,
        mark=0,
    )


def _payload(probe: Probe, nonce: bytes) -> bytes:
    """What the socket is given: of ICMP and SCTP all that follows the IP header."""
    match probe.protocol:
        case "icmp":
            return _echo(probe.source_port or 0, _padded(nonce, probe.length - IP_HEADER - ICMP_HEADER))
        case "sctp":
            return _sctp_init(probe, nonce[:_TAG])
    return _padded(nonce, probe.length - IP_HEADER - UDP_HEADER)


def _padded(nonce: bytes, length: int) -> bytes:
    return nonce.ljust(length, b"\0")


def _echo(identifier: int, payload: bytes) -> bytes:
    header = struct.pack("!BBHHH", _ECHO_REQUEST, 0, 0, identifier, 1)
    checksum = internet_checksum(header + payload)
    return struct.pack("!BBHHH", _ECHO_REQUEST, 0, checksum, identifier, 1) + payload


def _sctp_init(probe: Probe, tag: bytes) -> bytes:
    """RFC 9260, 3.3.2: one INIT chunk that asks for one stream each way."""
    chunk = struct.pack("!BBH4sIHHI", _SCTP_INIT, 0, 20, tag, 65536, 1, 1, 1)
    ports = probe.source_port or 0, probe.port or 0
    packet = struct.pack("!HHII", *ports, 0, 0) + chunk
    return packet[:8] + crc32c(packet).to_bytes(4, "little") + packet[12:]
