"""Tracing in many namespaces at once."""

from __future__ import annotations

import select
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from meshnet.errors import MachineError
from meshnet.kernel.iptables import Flavour
from meshnet.kernel.namespaces import NetNamespace
from meshnet.netstate import NamespaceRef
from meshnet.trace.rule_hits.listener import Listener
from meshnet.trace.rule_hits.tracing import logging, traced
from meshnet.trace.seen import Hit


class RuleHits:
    """Which rules of iptables-legacy packets match in ``namespaces``, for as long as it is entered; once.

    To that end all that comes in and is sent there is traced: by a rule ``-j TRACE`` at the beginning of ``raw``
    PREROUTING and OUTPUT, told from others by its tag. What LOG, and NFLOG in group 0, have to say meanwhile comes here
    as well, and is left out. Leaving takes just these rules away, whatever else has changed, and sets the namespace's
    logger back; a table ``raw`` that wasn't there before stays, empty: the kernel can't take one away.

    A namespace tells one listener at a time: a second is refused before it has changed anything. Any thread may drain.
    Rules that somebody puts before the tracing one meanwhile are counted one too low.
    """

    def __init__(self, namespaces: Mapping[NamespaceRef, NetNamespace], flavour: Flavour = "legacy") -> None:
        """``flavour`` is of the iptables by which the rules of ``namespaces`` are made."""
        self._namespaces, self._flavour = namespaces, flavour
        self._listeners: dict[int, Listener] = {}
        self._hits: list[Hit] = []
        self._lock = threading.Lock()
        self._poll: select.epoll | None = None
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Raises ``MachineError`` where the kernel or its iptables can't trace, ``KernelError`` where it refuses to;
        then everything is as it was."""
        if self._flavour != "legacy":
            raise MachineError(f"rule hits need iptables-legacy, found this lab's iptables to be {self._flavour}")
        with ExitStack() as stack:
            stack.callback(self._stop_listening)
            self._poll = select.epoll()
            for ref, namespace in self._namespaces.items():
                listener = Listener(ref, namespace)
                self._listeners[listener.fileno()] = listener
                self._poll.register(listener, select.EPOLLIN)
            for ref, namespace in self._namespaces.items():
                stack.enter_context(logging(ref, namespace))
            stack.enter_context(traced(self._namespaces))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """What has come stays to be had. Raises ``KernelError`` if the kernel wouldn't set something back."""
        self._stack.close()

    def fileno(self) -> int:
        """Of a descriptor, while it is entered, that is readable whenever there is something to ``drain``."""
        return self._poll.fileno() if self._poll is not None else -1

    def drain(self) -> None:
        """Take what has come: a namespace's buffer holds some thousand hits. Doesn't wait."""
        with self._lock:
            if self._poll is not None:
                for fd, _ in self._poll.poll(0):
                    self._hits += self._listeners[fd].drain()

    def hits(self) -> list[Hit]:
        """All so far, those of one namespace in the order in which they happened."""
        self.drain()
        return list(self._hits)

    @property
    def lost(self) -> dict[NamespaceRef, int]:
        """How many hits are missing, by namespace; at least, where the last ones are."""
        return {listener.ref: listener.lost for listener in self._listeners.values() if listener.lost}

    def _stop_listening(self) -> None:
        try:
            self.drain()
        finally:
            with self._lock:
                for listener in self._listeners.values():
                    listener.close()
                if self._poll is not None:
                    self._poll.close()
                    self._poll = None
