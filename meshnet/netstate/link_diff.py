"""Which interfaces go and which come, over all namespaces at once: a veth has an end in two of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from meshnet.netstate.change import AddLink, DropLink
from meshnet.netstate.link import Link, Veth, Vxlan
from meshnet.netstate.namespace import NamespaceRef
from meshnet.netstate.state import NetState

States: TypeAlias = Mapping[NamespaceRef, NetState]
End: TypeAlias = tuple[NamespaceRef, str]
"""An interface: its namespace and its name there."""


class LinkDiff:
    """``gone`` are the namespaces that go; ``dropped`` and ``added`` the interfaces, one that is made anew in both.

    Arguments and errors are those of ``meshnet.netstate.diff.diff``.
    """

    def __init__(self, want: States, have: States, last: States | None) -> None:
        self._known = have.keys() | want.keys()
        self._foreign = {
            (ref, name) for states in (want, have) for ref, netstate in states.items() for name in netstate.foreign
        }
        self._want, self._have = self._links(want), self._links(have)
        self._ours = None if last is None else self._links(last)
        self.gone = tuple(ref for ref in have if ref not in want and (last is None or ref in last))
        self._strangers = have.keys() - want.keys() - set(self.gone)
        self.dropped = self._close({end for end in self._have if self._unwanted(end)})
        self.added = {end for end in self._want if end not in self._have or end in self.dropped}
        for end in self.added:
            self._check_peer(end)

    def _links(self, states: States) -> dict[End, Link]:
        return {
            (ref, name): link
            for ref, netstate in states.items()
            for name, link in netstate.links.items()
            if name != "lo" and (ref, name) not in self._foreign
        }

    def _unwanted(self, end: End) -> bool:
        ref, _ = end
        if ref in self._strangers:
            return False
        if end in self._want:
            return not self._same_kind(self._want[end], self._have[end])
        return ref in self.gone or self._ours is None or end in self._ours

    def _same_kind(self, want: Link, have: Link) -> bool:
        """Whether ``have`` can become ``want`` without being made anew. What lies in a namespace that nobody looked
        into is taken to be as wanted."""
        match want.kind, have.kind:
            case Veth(_, namespace), Veth(None, None):
                return namespace not in self._known
            case Vxlan() as wanted, Vxlan(underlay=None) as there:
                return wanted.underlay not in self._known and _flags(wanted) == _flags(there)
            case wanted_kind, kind:
                return wanted_kind == kind

    def _close(self, dropped: set[End]) -> set[End]:
        """With the other end of each veth that goes, and what is left of one whose other end isn't there."""
        while True:
            more = {
                end
                for end, link in self._have.items()
                if end not in dropped
                and (peer := _peer(link)) is not None
                and (peer in dropped or (peer[0] in self._known and peer not in self._have and end in self._want))
            }
            if not more:
                return dropped
            dropped = dropped | more

    def _check_peer(self, end: End) -> None:
        link = self._want[end]
        if not isinstance(link.kind, Veth):
            return
        peer = _peer(link)
        if peer is None or peer not in self._want or _peer(self._want[peer]) != end:
            ref, name = end
            raise ValueError(f"{ref}: expected the other end of veth {name}, found none that leads back to it")

    def drops(self) -> Iterator[DropLink]:
        """The interfaces that have to be deleted for all of ``dropped`` and ``gone`` to go."""
        done: set[End] = set()
        for end, link in self._have.items():
            if end not in self.dropped or end in done:
                continue
            peer = _peer(link)
            done |= {end} if peer is None else {end, peer}
            if end[0] not in self.gone:
                yield DropLink(*end, peer)
            elif peer is not None and peer in self._have and peer[0] not in self.gone:
                yield DropLink(*peer, end)
            elif isinstance(link.kind, Vxlan):
                yield DropLink(*end)

    def additions(self) -> Iterator[AddLink]:
        """The interfaces to make, each namespace's in its order (their indexes follow it) as far as one order can be
        found that is all of theirs."""
        pending: dict[NamespaceRef, list[str]] = {}
        for ref, name in self._want:
            if (ref, name) in self.added:
                pending.setdefault(ref, []).append(name)
        while pending:
            ready = [ref for ref, names in pending.items() if self._is_next((ref, names[0]), pending)]
            for ref in ready or list(pending)[:1]:
                while ref in pending and (not ready or self._is_next((ref, pending[ref][0]), pending)):
                    yield self._make((ref, pending[ref][0]), pending)
                    if not ready:
                        break

    def _is_next(self, end: End, pending: dict[NamespaceRef, list[str]]) -> bool:
        """Whether a veth's other end is the next to be made where it is, too."""
        peer = _peer(self._want[end])
        return peer is None or peer[0] == end[0] or pending[peer[0]][0] == peer[1]

    def _make(self, end: End, pending: dict[NamespaceRef, list[str]]) -> AddLink:
        peer = _peer(self._want[end])
        for ref, name in (end,) if peer is None else (end, peer):
            pending[ref].remove(name)
            if not pending[ref]:
                del pending[ref]
        return AddLink(end[0], self._want[end], self._want[peer] if peer is not None else None)


def _peer(link: Link) -> End | None:
    if isinstance(link.kind, Veth) and link.kind.peer is not None and link.kind.peer_namespace is not None:
        return link.kind.peer_namespace, link.kind.peer
    return None


def _flags(vxlan: Vxlan) -> tuple[int, int, bool, bool, bool, bool]:
    return (vxlan.vni, vxlan.port, vxlan.learning, vxlan.proxy, vxlan.l2miss, vxlan.l3miss)
