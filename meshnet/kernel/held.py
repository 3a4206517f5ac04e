"""A namespace that is worked in: its sockets, and the indexes of its interfaces."""

from __future__ import annotations

from collections.abc import Iterable

from meshnet.kernel.lean_pyroute2 import nsidmsg
from meshnet.kernel.link_messages import LO
from meshnet.kernel.namespaces import NetNamespace
from meshnet.kernel.netlink import GENERIC, ROUTE, NetlinkSocket, decode, encode
from meshnet.kernel.seen_link import SeenLink, list_seen
from meshnet.netstate import NamespaceRef

_GETNSID = 90


class Numbering:
    """Gives interfaces of one node indexes that none of its namespaces has in use, as they have on a Docker host, where
    most are made in one namespace and moved. Linux up to 6.11 or so insists on it: a link that is to be made in another
    namespace must not have an index that is taken in the one where it is asked for."""

    def __init__(self) -> None:
        self._highest = 1

    def next(self) -> int:
        self._highest += 1
        return self._highest

    def saw(self, index: int) -> None:
        self._highest = max(self._highest, index)


class Held:
    """``ours`` says whether the namespace was made here, and so is to be closed here."""

    def __init__(self, ref: NamespaceRef, namespace: NetNamespace, numbering: Numbering, *, ours: bool) -> None:
        self.ref = ref
        self.namespace = namespace
        self.numbering = numbering
        self.ours = ours
        self._route: NetlinkSocket | None = None
        self._generic: NetlinkSocket | None = None
        self._indexes = {"lo": LO}
        self._numbers: dict[int, Held] = {}
        if not ours:
            self.learn(list_seen(self.route).values())

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
        if name not in self._indexes:
            raise LookupError(f"expected an interface {name} in {self.ref}, found {', '.join(self._indexes)}")
        return self._indexes[name]

    def new_index(self, name: str) -> int:
        """An index for an interface that is about to be made."""
        self._indexes[name] = self.numbering.next()
        return self._indexes[name]

    def learn(self, links: Iterable[SeenLink]) -> None:
        """Take note of the indexes of all links there are."""
        self._indexes = {link.name: link.index for link in links}
        for index in self._indexes.values():
            self.numbering.saw(index)

    def numbered(self, wanted: set[int], others: Iterable[Held]) -> dict[int, NamespaceRef]:
        """Which of ``others`` have the numbers ``wanted`` here. A namespace that once has a number keeps it."""
        there = list(others)
        self._numbers = {number: other for number, other in self._numbers.items() if other in there}
        if not wanted <= self._numbers.keys():
            answers = self.route.ask([_number_request(other) for other in there])
            numbers = (decode(nsidmsg, answer).get_attr("NETNSA_NSID") if answer else None for answer in answers)
            self._numbers = {number: other for number, other in zip(numbers, there, strict=True) if number is not None}
        return {number: other.ref for number, other in self._numbers.items()}

    def close(self) -> None:
        """Close the sockets, and the namespace if it was made here."""
        for socket in (self._route, self._generic):
            if socket is not None:
                socket.close()
        if self.ours:
            self.namespace.close()


def _number_request(held: Held) -> bytes:
    message = nsidmsg()
    message["attrs"] = [("NETNSA_FD", held.namespace.fd)]
    return encode(message, _GETNSID, 0)
