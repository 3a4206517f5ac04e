"""DNS messages as far as the resolver reads and writes them (RFC 1035; EDNS's message size, RFC 6891).

One question in, addresses or one name out: a library for all of DNS takes 0.12 s to import in user-mode Linux, and the
first question would wait for it.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv4Address

TTL = 600
"""Seconds that every answer may be kept."""

UDP_SIZE = 512
"""Bytes of the longest answer by UDP to someone who doesn't say how much he takes."""

TCP_SIZE = 65535
LONGEST_NAME = 255
"""Bytes, with the length before each label and the root's at the end."""

LONGEST_LABEL = 63

_HEADER = struct.Struct("!HHHHHH")
_QUESTION = struct.Struct("!HH")
_RECORD = struct.Struct("!HHIH")
_RESPONSE, _OPCODE, _AUTHORITATIVE, _TRUNCATED = 0x8000, 0x7800, 0x0400, 0x0200
_RECURSION_DESIRED, _RECURSION_AVAILABLE, _RCODE = 0x0100, 0x0080, 0x000F
_POINTER = 0xC0
_IN, _OPT = 1, 41
_TYPES = {"A": 1, "PTR": 12, "MX": 15, "AAAA": 28, "SRV": 33}
_KINDS = {number: kind for kind, number in _TYPES.items()}


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
    """A question: ``name`` is without its last dot, ``kind`` is ``A``, ``AAAA``, ``MX``, ``PTR`` or ``SRV``, and for
    any other type ``TYPE`` and its number. ``size`` is the longest answer in bytes that whoever asks takes by UDP;
    ``question`` is that section as it came."""

    id: int
    recursion: bool
    name: str
    kind: str
    size: int
    question: bytes


def read(data: bytes) -> Query:
    """The question in a message. Raises ``BadQuery``."""
    if len(data) < _HEADER.size:
        raise BadQuery(None)
    id, flags, questions, *further = _HEADER.unpack_from(data)
    if flags & _RESPONSE:
        raise BadQuery(None)
    if flags & _OPCODE:
        raise BadQuery(failure(data, Rcode.NOTIMP))
    if questions != 1:
        raise BadQuery(failure(data, Rcode.FORMERR))
    try:
        labels, at = _read_name(data, _HEADER.size)
        kind, _ = _QUESTION.unpack_from(data, at)
        end = at + _QUESTION.size
        size = _size_taken(data, end, sum(further))
    except (ValueError, IndexError, struct.error) as error:
        raise BadQuery(failure(data, Rcode.FORMERR)) from error
    name = b".".join(labels).decode("latin-1")
    known = _KINDS.get(kind, f"TYPE{kind}")
    return Query(id, bool(flags & _RECURSION_DESIRED), name, known, size, data[_HEADER.size : end])


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

    Names are written out whole, as Docker's resolver does. A ``pointer`` that DNS has no way to write is a failure.
    """
    owner = query.question[: -_QUESTION.size]
    records = [_record(owner, "A", address.packed) for address in addresses]
    if pointer:
        try:
            records.append(_record(owner, "PTR", _written_name(pointer)))
        except ValueError:
            code = Rcode.SERVFAIL
    flags = _RESPONSE | _RECURSION_AVAILABLE | code
    flags |= _RECURSION_DESIRED if query.recursion else 0
    flags |= _AUTHORITATIVE if authoritative else 0
    room = size - _HEADER.size - len(query.question)
    if records and len(records) * len(records[0]) > room:  # all are as long as each other
        flags |= _TRUNCATED
        records = records[: room // len(records[0])]
    return b"".join((_HEADER.pack(query.id, flags, 1, len(records), 0, 0), query.question, *records))


def rcode(message: bytes) -> int:
    """The code of a reply."""
    _, flags, *_ = _HEADER.unpack_from(message)
    return int(flags & _RCODE)


def replies_to(message: bytes, query: bytes) -> bool:
    """Whether ``message`` is a reply to ``query``, by its number."""
    return len(message) >= _HEADER.size and message[:2] == query[:2] and bool(message[2] & 0x80)


def _read_name(data: bytes, at: int) -> tuple[list[bytes], int]:
    """The labels of a name that is written out, and where it ends: there is nothing before a question that its name
    could point to. Raises ``ValueError`` or ``IndexError``."""
    labels, start = [], at
    while length := data[at]:
        if length > LONGEST_LABEL or at + length + 2 - start > LONGEST_NAME:
            raise ValueError(f"a label of {length} bytes")
        labels.append(data[at + 1 : at + 1 + length])
        at += 1 + length
    return labels, at + 1


def _size_taken(data: bytes, at: int, records: int) -> int:
    """How long an answer may be, by the OPT record among those that follow the question. Raises ``struct.error`` or
    ``IndexError`` when they don't hold together."""
    taken = UDP_SIZE
    for _ in range(records):
        at = _behind_name(data, at)
        kind, most, _, length = _RECORD.unpack_from(data, at)
        at += _RECORD.size + length
        if at > len(data):
            raise IndexError(at)
        if kind == _OPT:
            taken = max(taken, most)
    return taken


def _behind_name(data: bytes, at: int) -> int:
    """Where a name ends: at its root, or behind a pointer to the rest of it."""
    while length := data[at]:
        if length >= _POINTER:
            return at + 2
        at += 1 + length
    return at + 1


def _record(owner: bytes, kind: str, value: bytes) -> bytes:
    return owner + _RECORD.pack(_TYPES[kind], _IN, TTL, len(value)) + value


def _written_name(name: str) -> bytes:
    """Raises ``ValueError`` for one that is too long, or has a label that is, or an empty one."""
    labels = [label.encode() for label in name.split(".")]
    written = b"".join(bytes((len(label),)) + label for label in labels if len(label) <= LONGEST_LABEL) + b"\0"
    if not all(0 < len(label) <= LONGEST_LABEL for label in labels) or len(written) > LONGEST_NAME:
        raise ValueError(f"{name!r} is no domain name")
    return written
