"""Netlink: many requests in one system call, and what the kernel refused of them.

A socket belongs to the namespace it was opened in, and may be used from any thread. The kernel works on a message
while the send call lasts, so by its return every answer waits in the socket. Only the last message of a batch asks to
be acknowledged: refusals come unasked.
"""

from __future__ import annotations

import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from meshnet.kernel.namespaces import NetNamespace

ROUTE = 0
GENERIC = 16

REQUEST = 0x1
ACK = 0x4
DUMP = 0x300
REPLACE = 0x100
EXCL = 0x200
CREATE = 0x400
APPEND = 0x800

_ERROR = 2
_DONE = 3
_DUMP_INTERRUPTED = 0x10
_ACK_TLVS = 0x200
_HEADER = struct.Struct("=IHHII")
_SOL_NETLINK = 270
_NETLINK_CAP_ACK = 10
_NETLINK_EXT_ACK = 11
_TEXT = 1
_BATCH_MESSAGES = 100
_BATCH_BYTES = 32 * 1024
_RECEIVE = 128 * 1024
_DUMP_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Request:
    """One message. ``what`` says what it is for, in an error's words; the errors ``tolerated`` are none."""

    message: bytes
    what: object
    tolerated: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that the kernel did not do, ``errno`` why, and ``text`` what it added to that."""

    request: Request
    errno: int
    text: str = ""

    def __str__(self) -> str:
        reason = os.strerror(self.errno) + (f" ({self.text})" if self.text else "")
        return f"{self.request.what}: {reason}"


def encode(message: Any, kind: int, flags: int) -> bytes:
    """A message of pyroute2's as bytes. ``kind`` is its type, ``flags`` are added to ``REQUEST``."""
    message["header"]["type"] = kind
    message["header"]["flags"] = REQUEST | flags
    message.encode()
    return bytes(message.data)


@dataclass(frozen=True, slots=True)
class _Message:
    """One message from the kernel: ``data`` is all of it, header included."""

    kind: int
    flags: int
    sequence: int
    data: bytes

    @property
    def errno(self) -> int:
        """Of an acknowledgement: 0, or why not."""
        return -int(struct.unpack_from("=i", self.data, _HEADER.size)[0])

    @property
    def text(self) -> str:
        """What the kernel adds to a refusal, where it adds anything."""
        if not self.flags & _ACK_TLVS:
            return ""
        offset = _HEADER.size + 4 + _HEADER.size
        while offset + 4 <= len(self.data):
            length, kind = struct.unpack_from("=HH", self.data, offset)
            if kind == _TEXT:
                return self.data[offset + 4 : offset + length].rstrip(b"\0").decode(errors="replace")
            offset += max(4, (length + 3) & ~3)
        return ""


def decode(kind: Callable[[bytes], Any], data: bytes) -> Any:
    """A message of pyroute2's class ``kind`` from its bytes."""
    message = kind(data)
    message.decode()
    return message


class NetlinkSocket:
    """One in ``namespace``, for ``ROUTE`` or ``GENERIC``."""

    def __init__(self, namespace: NetNamespace, protocol: int) -> None:
        with namespace.entered():
            self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
        self._socket.setsockopt(_SOL_NETLINK, _NETLINK_CAP_ACK, 1)
        self._socket.setsockopt(_SOL_NETLINK, _NETLINK_EXT_ACK, 1)
        self._lock = threading.Lock()
        self._sequence = 0

    def close(self) -> None:
        self._socket.close()

    def send(self, requests: Sequence[Request]) -> list[Refusal]:
        """Make all these changes in order, going on after one that is refused. Returns those that were, less what they
        tolerate."""
        refusals = []
        with self._lock:
            for batch in _batches(requests):
                for number, answer in self._exchange([request.message for request in batch]):
                    request = batch[number]
                    if answer.kind == _ERROR and answer.errno and answer.errno not in request.tolerated:
                        refusals.append(Refusal(request, answer.errno, answer.text))
        return refusals

    def ask(self, messages: Sequence[bytes]) -> list[bytes | None]:
        """The kernel's answer to each, or None where it has none."""
        answers: list[bytes | None] = [None] * len(messages)
        with self._lock:
            for start in range(0, len(messages), _BATCH_MESSAGES):
                for number, answer in self._exchange(messages[start : start + _BATCH_MESSAGES]):
                    if answer.kind != _ERROR:
                        answers[start + number] = answer.data
        return answers

    def dump(self, message: bytes) -> list[bytes]:
        """All that the kernel lists in answer to ``message`` (which has the flag ``DUMP``). Raises ``OSError``."""
        with self._lock:
            for _ in range(_DUMP_ATTEMPTS):
                answers = [answer for _, answer in self._exchange([message])]
                for answer in answers:
                    if answer.kind == _ERROR and answer.errno:
                        raise OSError(answer.errno, f"netlink dump: {os.strerror(answer.errno)}")
                if not any(answer.flags & _DUMP_INTERRUPTED for answer in answers):
                    break
        return [answer.data for answer in answers if answer.kind not in (_ERROR, _DONE)]

    def _exchange(self, messages: Sequence[bytes]) -> Iterator[tuple[int, _Message]]:
        """Send all as one, and give every answer with the place of what it answers."""
        first, last = self._sequence + 1, self._sequence + len(messages)
        self._sequence = last
        buffer = bytearray()
        for sequence, message in enumerate(messages, first):
            length, kind, flags, _, _ = _HEADER.unpack_from(message)
            flags |= ACK if sequence == last and flags & DUMP != DUMP else 0
            buffer += _HEADER.pack(length, kind, flags, sequence, 0) + message[_HEADER.size :]
            buffer += bytes(-len(buffer) % 4)
        self._socket.send(buffer)
        while True:
            ended = False
            for answer in _split(self._socket.recv(_RECEIVE)):
                if first <= answer.sequence <= last:
                    yield answer.sequence - first, answer
                    ended = ended or (answer.sequence == last and answer.kind in (_ERROR, _DONE))
            if ended:
                return


def _split(data: bytes) -> Iterator[_Message]:
    offset = 0
    while offset + _HEADER.size <= len(data):
        length, kind, flags, sequence, _ = _HEADER.unpack_from(data, offset)
        yield _Message(kind, flags, sequence, data[offset : offset + length])
        offset += (length + 3) & ~3


def _batches(requests: Sequence[Request]) -> Iterator[list[Request]]:
    """As few as the socket's buffers allow: its own for what is sent, and for refusals, which are a buffer each."""
    batch: list[Request] = []
    size = 0
    for request in requests:
        if batch and (len(batch) == _BATCH_MESSAGES or size + len(request.message) > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(request)
        size += len(request.message)
    if batch:
        yield batch
