"""Reading and replacing tables by socket options at ``SOL_IP`` on a raw socket, as iptables-legacy itself does."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import closing, contextmanager
from types import TracebackType
from typing import Self

from meshnet.errors import KernelError
from meshnet.kernel import libc
from meshnet.kernel.legacy_tables.blob import HOOKS, Blob
from meshnet.kernel.namespaces import NetNamespace

_GET_INFO, _GET_ENTRIES = 64, 65
_REPLACE, _ADD_COUNTERS = 64, 65
_NAME_BYTES = 32
_INFO = struct.Struct(f"={_NAME_BYTES}sI{HOOKS}I{HOOKS}III")
_ENTRIES_HEADER = struct.Struct(f"={_NAME_BYTES}sI4x")
_REPLACE_HEADER = struct.Struct(f"={_NAME_BYTES}sIII{HOOKS}I{HOOKS}IIQ")
_COUNTERS_HEADER = struct.Struct(f"={_NAME_BYTES}sI4x")
_COUNTER_BYTES = 16
_NAMES = "/proc/thread-self/net/ip_tables_names"
_LOCK = "/run/xtables.lock"
_NAMES_BYTES = 4096
_ATTEMPTS = 10


class LegacyTables:
    """The tables of one namespace, by a socket that is open in it: from any thread, until ``close``."""

    def __init__(self, namespace: NetNamespace) -> None:
        """Raises ``OSError``."""
        with namespace.entered():
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.IPPROTO_RAW)
            try:
                self._names = _open_names()
            except OSError:
                self._socket.close()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()
        if self._names is not None:
            os.close(self._names)
            self._names = None

    def loaded(self) -> tuple[str, ...]:
        """Names of the tables that are there; none in a kernel without ip_tables."""
        if self._names is None:
            return ()
        return tuple(os.pread(self._names, _NAMES_BYTES, 0).decode().split())

    def read(self, table: str) -> Blob | None:
        """That table, or None if it isn't there: to ask the kernel for one that isn't would make it."""
        return self.make(table) if table in self.loaded() else None

    def make(self, table: str) -> Blob:
        """That table; an empty one comes to be where there is none, and can't be taken away again. Raises ``OSError``:
        with ENOPROTOOPT where the kernel has no ip_tables, with ENOENT where it doesn't know the table."""
        for _ in range(_ATTEMPTS):
            info = ctypes.create_string_buffer(_INFO.pack(table.encode(), *[0] * (3 + 2 * HOOKS)), _INFO.size)
            libc.get_socket_option(self._socket.fileno(), socket.SOL_IP, _GET_INFO, info)
            _, hooks, *offsets, count, size = _INFO.unpack(info.raw)
            try:
                entries = self._entries(table, size)
            except OSError as error:
                if error.errno == errno.EAGAIN:  # somebody has changed its size in between
                    continue
                raise
            starts, ends = tuple(offsets[:HOOKS]), tuple(offsets[HOOKS:])
            return Blob(table, hooks, starts, ends, entries, count, tuple(range(count)))
        raise KernelError(f"expected to read the table {table}, found it change all the time", errno=errno.EAGAIN)

    def _entries(self, table: str, size: int) -> bytes:
        header = _ENTRIES_HEADER.pack(table.encode(), size)
        buffer = ctypes.create_string_buffer(header, len(header) + size)
        libc.get_socket_option(self._socket.fileno(), socket.SOL_IP, _GET_ENTRIES, buffer)
        return buffer.raw[len(header) :]

    def replace(self, old: Blob, new: Blob) -> None:
        """Put ``new``, which was made of ``old``, in its place in one step; its rules keep their counters. To be done
        while ``locked``. Raises ``OSError``, with nothing changed: with EAGAIN if there are more or fewer rules by now
        than ``old`` has."""
        counters = ctypes.create_string_buffer(_COUNTER_BYTES * old.count)
        header = _REPLACE_HEADER.pack(
            new.table.encode(),
            new.hooks,
            new.count,
            len(new.entries),
            *new.starts,
            *new.ends,
            old.count,
            ctypes.addressof(counters),
        )
        self._socket.setsockopt(socket.SOL_IP, _REPLACE, header + new.entries)
        self._add_counters(new, counters.raw)

    def _add_counters(self, new: Blob, old: bytes) -> None:
        """The kernel starts a new table's counters from 0 and hands over those of the old one."""
        if any(old):
            header = _COUNTERS_HEADER.pack(new.table.encode(), new.count)
            counters = b"".join(_counter(old, origin) for origin in new.origins)
            self._socket.setsockopt(socket.SOL_IP, _ADD_COUNTERS, header + counters)


def loaded(namespace: NetNamespace) -> tuple[str, ...]:
    """Names of the tables that are there in ``namespace``; none in a kernel without ip_tables. Raises ``OSError``."""
    with closing(LegacyTables(namespace)) as tables:
        return tables.loaded()


def read(namespace: NetNamespace, table: str) -> Blob | None:
    """A table of ``namespace``, or None if it isn't there. Raises ``OSError``."""
    with closing(LegacyTables(namespace)) as tables:
        return tables.read(table)


@contextmanager
def locked() -> Iterator[None]:
    """Keep iptables-legacy, which takes the same lock, from changing tables for as long as the block lasts: the kernel
    itself wouldn't notice that what was read isn't what is replaced. Raises ``OSError``."""
    lock = os.open(os.environ.get("XTABLES_LOCKFILE", _LOCK), os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _open_names() -> int | None:
    try:
        return os.open(_NAMES, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None


def _counter(counters: bytes, place: int | None) -> bytes:
    return bytes(_COUNTER_BYTES) if place is None else counters[_COUNTER_BYTES * place : _COUNTER_BYTES * (place + 1)]
