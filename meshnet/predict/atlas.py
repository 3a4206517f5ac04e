"""All namespaces of a world, and how they hang together."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from meshnet.errors import NotTaughtError
from meshnet.netstate import Link, NamespaceRef, Veth, Vxlan
from meshnet.netstate.world import World
from meshnet.path import Cause
from meshnet.predict import causes
from meshnet.predict.host import Host

_Made = TypeVar("_Made")


@dataclass(frozen=True, slots=True)
class Place:
    """An interface of a namespace."""

    at: NamespaceRef
    link: str


class Atlas:
    """What follows from a world alone. Raises ``NotTaughtError`` where the way leads out of it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._hosts: dict[NamespaceRef, Host] = {}
        self._vteps = {
            (link.kind.underlay, link.kind.port, link.kind.vni): Place(at, name)
            for at, state in world.states.items()
            for name, link in state.links.items()
            if isinstance(link.kind, Vxlan)
        }

    def host(self, at: NamespaceRef) -> Host:
        host = self._hosts.get(at)
        if host is None:
            state = self.world.states.get(at)
            if state is None:
                raise NotTaughtError(f"predict wasn't told of {at}, where the packet would come through")
            host = self._hosts[at] = _hosts.made(state, at, lambda: Host(at, state))
        return host

    def link(self, place: Place) -> Link:
        return self.host(place.at).state.links[place.link]

    def vtep(self, underlay: NamespaceRef, port: int, vni: int) -> Place | None:
        """The VXLAN device that gets what comes to that port."""
        return self._vteps.get((underlay, port, vni))

    def has_tunnels(self, underlay: NamespaceRef, port: int) -> bool:
        """Whether VXLAN devices have a socket there, whatever their VNIs."""
        return any(
            (each_underlay, each_port) == (underlay, port) and self.link(place).up
            for (each_underlay, each_port, _), place in self._vteps.items()
        )

    def far_end(self, place: Place) -> Place | Cause:
        """The other end of a veth, or why nothing leaves by it. The kernel sends nothing without a carrier, which takes
        both ends to be up; it isn't even seen on the interface."""
        link = self.link(place)
        if not link.up:
            return causes.link_down(place.at, place.link)
        if not isinstance(link.kind, Veth):
            raise NotTaughtError(f"predict wasn't taught where {place.link} of {place.at} leads: it's no veth")
        if link.kind.peer is None or link.kind.peer_namespace is None:
            raise NotTaughtError(f"predict wasn't told where the other end of {place.link} of {place.at} is")
        end = Place(link.kind.peer_namespace, link.kind.peer)
        there = self.host(end.at).state.links.get(end.link)
        return end if there is not None and there.up else causes.cut_off(place.at, place.link, link.kind)


def atlas_of(world: World) -> Atlas:
    """Worked out once for a world that is asked for again."""
    return _atlases.made(world, None, lambda: Atlas(world))


class _ByIdentity(Generic[_Made]):
    """What was made of the latest things, which need not be hashable. They are kept, so that no other can be mistaken
    for them."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._made: OrderedDict[tuple[int, object], tuple[object, _Made]] = OrderedDict()

    def made(self, thing: object, key: object, make: Callable[[], _Made]) -> _Made:
        found = self._made.get((id(thing), key))
        if found is not None:
            return found[1]
        made = make()
        self._made[id(thing), key] = thing, made
        if len(self._made) > self._size:
            self._made.popitem(last=False)
        return made


_hosts: _ByIdentity[Host] = _ByIdentity(2048)
_atlases: _ByIdentity[Atlas] = _ByIdentity(4)
