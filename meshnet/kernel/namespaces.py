"""Network namespaces, held open by a descriptor: no process and no mount is needed to keep one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from meshnet.kernel import libc

_HERE = "/proc/thread-self/ns/net"
_FLAGS = os.O_RDONLY | os.O_CLOEXEC


class NetNamespace:
    """One network namespace. It goes when ``close`` was called and nothing else is in it or holds it."""

    def __init__(self, fd: int) -> None:
        """``fd`` is open on a namespace, and belongs to this object from now on."""
        self.fd = fd

    @classmethod
    def create(cls) -> NetNamespace:
        """A new namespace, in which ``lo`` is down. Raises ``OSError``; the calling thread stays where it is."""
        home = os.open(_HERE, _FLAGS)
        try:
            libc.unshare(libc.CLONE_NEWNET)
            try:
                return cls(os.open(_HERE, _FLAGS))
            finally:
                libc.setns(home, libc.CLONE_NEWNET)
        finally:
            os.close(home)

    @classmethod
    def current(cls) -> NetNamespace:
        """The calling thread's."""
        return cls(os.open(_HERE, _FLAGS))

    @contextmanager
    def entered(self) -> Iterator[None]:
        """The calling thread is inside for as long as the block lasts: sockets it opens, and files below
        ``/proc/sys/net`` and ``/proc/thread-self/net`` it opens, are this namespace's and stay so."""
        home = os.open(_HERE, _FLAGS)
        try:
            libc.setns(self.fd, libc.CLONE_NEWNET)
            try:
                yield
            finally:
                libc.setns(home, libc.CLONE_NEWNET)
        finally:
            os.close(home)

    def go(self) -> None:
        """Take the calling thread inside, from wherever it is: for a ``journey``, which takes it home."""
        libc.setns(self.fd, libc.CLONE_NEWNET)

    def close(self) -> None:
        """Let go of it. What is still in it goes some time later, in the kernel's own time (0.1 to 0.6 s)."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


@contextmanager
def journey() -> Iterator[None]:
    """The calling thread may ``go`` from namespace to namespace as long as the block lasts, and is home after it: three
    system calls fewer for each than entering and leaving."""
    home = NetNamespace.current()
    try:
        try:
            yield
        finally:
            home.go()
    finally:
        home.close()
