"""The embedded resolvers of a lab: for every sandbox that has one, sockets on 127.0.0.11 in its namespace."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

from meshnet.lab.resolver.forwarding import Upstream, forward
from meshnet.lab.resolver.listening import Listener, Reply
from meshnet.lab.resolver.names import Names
from meshnet.mesh import resolver
from meshnet.model import ClusterState
from meshnet.netstate import NamespaceRef

if TYPE_CHECKING:  # dear, and of no use before somebody asks
    from meshnet.lab.resolver.wire import Query

MOST_FORWARDED = 1024
"""Questions of one sandbox that upstream servers are asked at a time; whoever asks more is refused."""


class Namespace(Protocol):
    """A sandbox's network namespace."""

    def entered(self) -> AbstractContextManager[object]:
        """Put the calling thread inside for the length of a ``with``."""


class Resolvers:
    """All of a lab's. Everything is called in the event loop's thread.

    What is answered is what ``state`` says at that moment; ``upstreams`` are asked about names that nobody here has.
    """

    def __init__(self, state: Callable[[], ClusterState], upstreams: Sequence[Upstream] = ()) -> None:
        self._state = state
        self._upstreams = tuple(upstreams)
        self._open: dict[NamespaceRef, _Resolver] = {}
        self._named: ClusterState | None = None
        self._names: Names

    def let_go(self, state: ClusterState) -> None:
        """Close those of sandboxes that ``state`` has no more: before their namespaces go."""
        wanted = self._names_of(state).sandboxes
        for sandbox in [sandbox for sandbox in self._open if sandbox not in wanted]:
            self._open.pop(sandbox).close()

    def follow(self, state: ClusterState, namespaces: Mapping[NamespaceRef, Namespace]) -> dict[NamespaceRef, str]:
        """Open those of sandboxes that are new, whose namespaces are there, and close those of sandboxes that went.

        Returns which could not be opened, and why; the next call tries them again.
        """
        self.let_go(state)
        refused = {}
        for sandbox in self._names_of(state).sandboxes:
            namespace = namespaces.get(sandbox)
            held = self._open.get(sandbox)
            if namespace is None or (held is not None and held.namespace is namespace):
                continue
            if held is not None:
                self._open.pop(sandbox).close()
            try:
                self._open[sandbox] = _Resolver(sandbox, namespace, self.names, self._upstreams)
            except OSError as error:
                refused[sandbox] = error.strerror or str(error)
        return refused

    def close(self) -> None:
        """Close all of them."""
        for held in self._open.values():
            held.close()
        self._open.clear()

    def names(self) -> Names:
        """The names there are at this moment."""
        return self._names_of(self._state())

    def _names_of(self, state: ClusterState) -> Names:
        if state is not self._named:
            self._named, self._names = state, Names(state)
        return self._names


class _Resolver:
    """One sandbox's. Raises ``OSError`` when its ports can't be had."""

    def __init__(
        self, sandbox: NamespaceRef, namespace: Namespace, names: Callable[[], Names], upstreams: Sequence[Upstream]
    ) -> None:
        self.namespace = namespace
        self._sandbox = sandbox
        self._names = names
        self._upstreams = upstreams
        self._forwarding: set[asyncio.Task[None]] = set()
        ports = resolver.ports(sandbox)
        self._listener = Listener(namespace.entered, resolver.ADDRESS, ports.udp, ports.tcp, self._handle)

    def close(self) -> None:
        self._listener.close()
        for task in tuple(self._forwarding):
            task.cancel()

    def _handle(self, data: bytes, tcp: bool, reply: Reply) -> None:
        from meshnet.lab.resolver import wire

        try:
            query = wire.read(data)
        except wire.BadQuery as error:
            if error.reply is not None:
                reply(error.reply)
            return
        answer = self._names().answer(self._sandbox, query.name, query.kind)
        if answer is not None:
            size = wire.TCP_SIZE if tcp else query.size
            reply(wire.reply(query, addresses=answer.addresses, pointer=answer.pointer, size=size))
        elif len(self._forwarding) >= MOST_FORWARDED:
            reply(wire.reply(query, code=wire.Rcode.REFUSED))
        else:
            task = asyncio.get_running_loop().create_task(self._forward(data, query, tcp, reply))
            self._forwarding.add(task)
            task.add_done_callback(self._forwarding.discard)

    async def _forward(self, data: bytes, query: Query, tcp: bool, reply: Reply) -> None:
        from meshnet.lab.resolver import wire

        found = await forward(data, tcp=tcp, upstreams=self._upstreams, enter=self.namespace.entered)
        reply(found if found is not None else wire.reply(query, code=wire.Rcode.SERVFAIL))
