"""A namespace that is worked in: its sockets, and the indexes of its interfaces."""

from __future__ import annotations

from collections.abc import Iterable

from meshnet.kernel.namespaces import NetNamespace
from meshnet.kernel.netlink import GENERIC, ROUTE, NetlinkSocket
from meshnet.kernel.seen_link import list_seen
from meshnet.netstate import NamespaceRef


class Held:
    """``ours`` says whether the namespace was made here, and so is to be closed here."""

    def __init__(self, ref: NamespaceRef, namespace: NetNamespace, *, ours: bool) -> None:
        self.ref = ref
        self.namespace = namespace
        self.ours = ours
        self._route: NetlinkSocket | None = None
        self._generic: NetlinkSocket | None = None
        self._indexes: dict[str, int] | None = {"lo": 1} if ours else None
        self._highest = 1

    @property
    def route(self) -> NetlinkSocket:
        """For links, addresses, routes and neighbours. Opened once, and kept."""
        if self._route is None:
            self._route = NetlinkSocket(self.namespace, ROUTE)
        return self._route

    @property
    def generic(self) -> NetlinkSocket:
        """For IPVS."""
        if self._generic is None:
            self._generic = NetlinkSocket(self.namespace, GENERIC)
        return self._generic

    def index(self, name: str) -> int:
        """An interface's index, as far as is known here. Raises ``LookupError``."""
        indexes = self._known()
        if name not in indexes:
            raise LookupError(f"expected an interface {name} in {self.ref}, found {', '.join(indexes)}")
        return indexes[name]

    def new_index(self, name: str) -> int:
        """An index for an interface that is about to be made."""
        self._known()
        self._highest += 1
        self.learn([(name, self._highest)])
        return self._highest

    def learn(self, found: Iterable[tuple[str, int]], *, all_of_them: bool = False) -> None:
        """Take note of interfaces' indexes; of ``all_of_them`` there are, if so it is."""
        if all_of_them or self._indexes is None:
            self._indexes = {}
        for name, index in found:
            self._indexes[name] = index
            self._highest = max(self._highest, index)

    def _known(self) -> dict[str, int]:
        if self._indexes is None:
            seen = list_seen(self.route).values()
            self.learn(((link.name, link.index) for link in seen), all_of_them=True)
        assert self._indexes is not None
        return self._indexes

    def close(self) -> None:
        """Close the sockets, and the namespace if it was made here."""
        for socket in (self._route, self._generic):
            if socket is not None:
                socket.close()
        if self.ours:
            self.namespace.close()
