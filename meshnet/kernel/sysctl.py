"""Sysctls of a network namespace. They are looked up in the namespace of the thread that opens the file."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

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
            found[name] = " ".join(os.read(fd, _LONGEST).decode().split())
        finally:
            os.close(fd)
    return found
