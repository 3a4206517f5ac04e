"""Listening to TRACE in one namespace."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import struct
from collections.abc import Iterator

from meshnet.errors import KernelError
from meshnet.kernel.namespaces import NetNamespace
from meshnet.netstate import NamespaceRef
from meshnet.path import Hook
from meshnet.trace.rule_hits import nflog_messages as messages
from meshnet.trace.rule_hits.nflog_messages import Logged
from meshnet.trace.rule_hits.tracing import TABLE, TRACED
from meshnet.trace.seen import Hit

_PREFIX = "TRACE: "
_SHIFTED = {(TABLE, hook.name) for hook in TRACED}
_BUFFER = 8 * 1024 * 1024
_RECEIVE = 64 * 1024
_SEQUENCES = 1 << 32
_SO_RCVBUFFORCE = 33
_SIOCGIFNAME = 0x8910
_IFREQ = struct.Struct("=16si20x")


class Listener:
    """Hears of the packets that are traced in ``namespace``, until ``close``. ``lost`` counts what it didn't hear of,
    as far as it is known: more came than its buffer holds."""

    def __init__(self, ref: NamespaceRef, namespace: NetNamespace) -> None:
        """Raises ``KernelError`` if the kernel won't tell: it tells one only."""
        self.ref = ref
        self.lost = 0
        self._overrun = False
        self._next: int | None = None
        self._names: dict[int, str] = {0: ""}
        with namespace.entered():
            self._socket = socket.socket(
                socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK, messages.NETFILTER
            )
        try:
            self._bind()
        except BaseException:
            self._socket.close()
            raise

    def _bind(self) -> None:
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
        except PermissionError:  # of a user namespace's root; the machine's limit stays
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        self._socket.send(messages.bind(1))
        refused = None
        while refused is None:  # the answer is there by now
            refused = messages.answer(self._socket.recv(_RECEIVE), 1)
        if refused:
            raise KernelError(
                f"expected to hear of matching rules in {self.ref}, found that the kernel tells somebody else"
                f" or nobody (nfnetlink_log group {messages.GROUP}: {os.strerror(refused)})",
                errno=refused,
            )

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()

    def drain(self) -> Iterator[Hit]:
        """What has come since the last time."""
        while True:
            try:
                data = self._socket.recv(_RECEIVE)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                self.lost += not self._overrun  # at least that one; the next number tells how many
                self._overrun = True
                continue
            for packet in messages.packets(data):
                self._count(packet.sequence)
                hit = self._hit(packet)
                if hit is not None:
                    yield hit

    def _count(self, sequence: int) -> None:
        missing = 0 if self._next is None else (sequence - self._next) % _SEQUENCES
        if missing:
            self.lost += missing - self._overrun
            self._overrun = False
        self._next = sequence + 1

    def _hit(self, packet: Logged) -> Hit | None:
        """None for what isn't TRACE's, and for the rule that makes packets traced, which one meets that already is."""
        place = place_of(packet.prefix)
        if place is None:
            return None
        table, chain, number = place
        number -= (table, chain) in _SHIFTED
        if number == 0:
            return None
        hook = Hook(packet.hook)
        came_in, went_out, physical_in, physical_out = map(self._name, packet.interfaces)
        if hook is Hook.POSTROUTING:
            came_in = ""  # there it is the one the packet was on last: of a VXLAN's outer packet, another namespace's
        return Hit(
            at=self.ref,
            table=table,
            chain=chain,
            number=number,
            hook=hook,
            data=packet.data,
            mark=packet.mark,
            in_interface=came_in,
            out_interface=went_out,
            physical_in=physical_in,
            physical_out=physical_out,
            time=packet.time,
        )

    def _name(self, index: int) -> str:
        if index not in self._names:
            try:
                answer = fcntl.ioctl(self._socket, _SIOCGIFNAME, _IFREQ.pack(b"", index))
                self._names[index] = _IFREQ.unpack(answer)[0].rstrip(b"\0").decode()
            except OSError:  # it has gone; ``ip`` calls it the same
                self._names[index] = f"if{index}"
        return self._names[index]


def place_of(prefix: str) -> tuple[str, str, int] | None:
    """Table, chain and number of ``TRACE: nat:DOCKER-INGRESS:rule:1``. What is between the last two colons is ``rule``,
    or ``policy`` or ``return`` for a chain's end and for a rule that is just like one."""
    if not prefix.startswith(_PREFIX):
        return None
    table, _, rest = prefix[len(_PREFIX) :].rstrip().partition(":")
    chain, *kind_and_number = rest.rsplit(":", 2)
    if len(kind_and_number) != 2 or not kind_and_number[1].isdecimal():
        return None
    return table, chain, int(kind_and_number[1])
