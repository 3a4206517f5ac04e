"""DNS messages as the resolver reads and writes them (RFC 1035; EDNS's message size, RFC 6891).

Imported with the first question: dnslib is dear (40 ms in user-mode Linux).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv4Address
from typing import Any

from dnslib import PTR, QTYPE, RR, A, DNSBuffer, DNSError, DNSHeader, DNSRecord
from dnslib.buffer import BufferError as OutOfBounds
from dnslib.label import DNSLabelError

TTL = 600
"""Seconds that every answer may be kept."""

UDP_SIZE = 512
"""Bytes of the longest answer by UDP to someone who doesn't say how much he takes."""

TCP_SIZE = 65535
LONGEST_NAME = 253

_HEADER = struct.Struct("!HHHHHH")
_RESPONSE, _OPCODE, _RECURSION_DESIRED, _RECURSION_AVAILABLE, _RCODE = 0x8000, 0x7800, 0x0100, 0x0080, 0x000F


class Rcode(IntEnum):
    NOERROR = 0
    FORMERR = 1
    SERVFAIL = 2
    NXDOMAIN = 3
    NOTIMP = 4
    REFUSED = 5


class BadQuery(Exception):
    """Not a question; ``reply`` is what is said to it, if anything."""

    def __init__(self, reply: bytes | None) -> None:
        super().__init__(reply)
        self.reply = reply


@dataclass(frozen=True, slots=True)
class Query:
    """A question: ``name`` is without its last dot, ``kind`` ``A`` or another type's name. ``size`` is the longest
    answer in bytes that whoever asks takes by UDP. ``question`` is dnslib's."""

    id: int
    recursion: bool
    name: str
    kind: str
    size: int
    question: Any


def read(data: bytes) -> Query:
    """The question in a message. Raises ``BadQuery``."""
    if len(data) < _HEADER.size:
        raise BadQuery(None)
    id, flags, questions, *_ = _HEADER.unpack_from(data)
    if flags & _RESPONSE:
        raise BadQuery(None)
    if flags & _OPCODE:
        raise BadQuery(failure(data, Rcode.NOTIMP))
    try:
        message = DNSRecord.parse(data)
        name = ".".join(label.decode() for label in message.q.qname.label) if questions == 1 else ""
    except (DNSError, DNSLabelError, OutOfBounds, UnicodeDecodeError, RecursionError, struct.error) as error:
        raise BadQuery(failure(data, Rcode.FORMERR)) from error
    if questions != 1 or len(name) > LONGEST_NAME:
        raise BadQuery(failure(data, Rcode.FORMERR))
    takes = [record.rclass for record in message.ar if record.rtype == QTYPE.OPT]
    kind = str(QTYPE.get(message.q.qtype))
    return Query(id, bool(flags & _RECURSION_DESIRED), name, kind, max(UDP_SIZE, *takes, 0), message.q)


def failure(query: bytes, code: Rcode) -> bytes:
    """What is said to a message that is answered with a code alone, without its question: it may have none."""
    id, flags, *_ = _HEADER.unpack_from(query)
    kept = flags & (_OPCODE | _RECURSION_DESIRED)
    return _HEADER.pack(id, _RESPONSE | kept | _RECURSION_AVAILABLE | code, 0, 0, 0, 0)


def reply(
    query: Query,
    *,
    addresses: Sequence[IPv4Address] = (),
    pointer: str = "",
    code: Rcode = Rcode.NOERROR,
    authoritative: bool = False,
    size: int = TCP_SIZE,
) -> bytes:
    """An answer of at most ``size`` bytes. Records that have no room are left out, and it says that it is truncated.

    Names are written out whole, as Docker's resolver does.
    """
    records = [RR(query.question.qname, QTYPE.A, ttl=TTL, rdata=A(str(address))) for address in addresses]
    if pointer:
        records.append(RR(query.question.qname, QTYPE.PTR, ttl=TTL, rdata=PTR(pointer.encode().split(b"."))))
    header = DNSHeader(id=query.id, bitmap=0, qr=1, ra=1, rd=int(query.recursion), aa=int(authoritative), rcode=code)
    packed = _packed(header, query, records)
    if len(packed) > size:
        bare = len(_packed(header, query, ()))
        each = (len(packed) - bare) // len(records)  # names are written out, so all are as long as each other
        header.tc = 1
        packed = _packed(header, query, records[: (size - bare) // each])
    return packed


def rcode(message: bytes) -> int:
    """The code of a reply."""
    _, flags, *_ = _HEADER.unpack_from(message)
    return int(flags & _RCODE)


def replies_to(message: bytes, query: bytes) -> bool:
    """Whether ``message`` is a reply to ``query``, by its number."""
    return len(message) >= _HEADER.size and message[:2] == query[:2] and bool(message[2] & 0x80)


def _packed(header: Any, query: Query, records: Sequence[Any]) -> bytes:
    header.q, header.a = 1, len(records)
    buffer = DNSBuffer()
    buffer.encode_name = buffer.encode_name_nocompress
    header.pack(buffer)
    query.question.pack(buffer)
    for record in records:
        record.pack(buffer)
    return bytes(buffer.data)
