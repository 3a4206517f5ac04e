"""Sysctls of a network namespace. They are looked up in the namespace of the thread that opens the file."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from meshnet.kernel.namespaces import NetNamespace

_ROOT = "/proc/sys/"
_SWAPPED = str.maketrans("./", "/.")
_LONGEST = 4096


def path(name: str) -> str:
    """The file of ``net.ipv4.conf.docker0.route_localnet``; a dot in an interface's name is a slash in a sysctl's."""
    return _ROOT + name.translate(_SWAPPED)


def is_moot(name: str) -> bool:
    """Whether it is of IPv6, and this kernel has none: then there is nothing to switch off, either."""
    return name.startswith("net.ipv6.") and not Path(_ROOT, "net/ipv6").exists()


def write(name: str, value: str) -> None:
    """Set it in the calling thread's namespace. Raises ``OSError``."""
    fd = os.open(path(name), os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, value.encode())
    finally:
        os.close(fd)


def read(names: Iterable[str]) -> dict[str, str]:
    """What those have in the calling thread's namespace that there are, blanks in a row made one."""
    found = {}
    for name in names:
        try:
            fd = os.open(path(name), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        try:
            found[name] = _value(fd)
        finally:
            os.close(fd)
    return found


class Sysctls:
    """Some of one namespace's, to be read again and again, from any thread, until ``close``. With ``keep`` they stay
    open, a descriptor each: reading one is one system call then instead of three. Those that there are not at first are
    not looked for later."""

    def __init__(self, namespace: NetNamespace, names: Iterable[str], *, keep: bool) -> None:
        """Raises ``OSError``."""
        self._namespace = namespace
        self._names = tuple(names)
        self._open: dict[str, int] = {}
        self._keep = keep
        if keep:
            with namespace.entered():
                for name in self._names:
                    with suppress(FileNotFoundError):
                        self._open[name] = os.open(path(name), os.O_RDONLY | os.O_CLOEXEC)

    def read(self) -> dict[str, str]:
        """Those that there are, blanks in a row made one. Raises ``OSError``."""
        if self._keep:
            return {name: _value(fd) for name, fd in self._open.items()}
        with self._namespace.entered():
            return read(self._names)

    def close(self) -> None:
        for fd in self._open.values():
            os.close(fd)
        self._open = {}


def _value(fd: int) -> str:
    return " ".join(os.pread(fd, _LONGEST, 0).decode().split())
