"""Which of all the packets under way is the probe, and which the answer to it.

Addresses and ports change on the way, so neither is asked: a probe is known by what nobody translates. Of TCP that is
its sequence number, which an answer acknowledges; of UDP and ICMP a nonce in the payload; of SCTP the initiate tag,
which an answer has as its verification tag. So has what the sender's kernel says to an answer that it has no socket
for, which is no part of the exchange; its T bit tells (RFC 9260, 8.4).
"""

from __future__ import annotations

from dataclasses import dataclass

from meshnet.path import Packet
from meshnet.trace.decode import innermost_of, tcp_numbers, transport_of

_OPENING = "S"
_ANSWERS = ("SA", "RA", "R")
_REDIRECT = "5/"
"""ICMP's type 5 quotes a packet that goes on all the same: a router only knows a shorter way."""

_SCTP_TAG = slice(4, 8)
_SCTP_FLAGS = 13
_SCTP_REFLECTED = 1
_SCTP_INIT_TAG = slice(16, 20)
_SEQUENCES = 1 << 32


@dataclass(frozen=True, slots=True)
class Signature:
    """What a probe is known by: of TCP its sequence number, else its nonce (of SCTP four bytes: the tag)."""

    protocol: str
    sequence: int = 0
    nonce: bytes = b""

    def marks(self, packet: Packet, data: bytes) -> bool:
        """Whether this is the probe, or answers, echoes or, an ICMP error, quotes it. ``data`` is ``packet`` from its
        IP header on."""
        inner, carried = packet.innermost, innermost_of(data)
        if inner.protocol == "icmp" and inner.kind.startswith(_REDIRECT):
            return False
        if inner.protocol != self.protocol:
            return inner.protocol == "icmp" and self._known_by in carried
        match self.protocol:
            case "tcp":
                return self._is_handshake(inner, carried)
            case "sctp":
                return self._is_initiation(inner, transport_of(carried))
        return self.nonce in carried

    @property
    def _known_by(self) -> bytes:
        return self.sequence.to_bytes(4, "big") if self.protocol == "tcp" else self.nonce

    def _is_initiation(self, packet: Packet, transport: bytes) -> bool:
        if packet.kind == "init":
            return transport[_SCTP_INIT_TAG] == self.nonce
        return transport[_SCTP_TAG] == self.nonce and not transport[_SCTP_FLAGS] & _SCTP_REFLECTED

    def _is_handshake(self, packet: Packet, data: bytes) -> bool:
        sequence, acknowledged = tcp_numbers(data)
        if packet.kind == _OPENING:
            return sequence == self.sequence
        return packet.kind in _ANSWERS and acknowledged == (self.sequence + 1) % _SEQUENCES
