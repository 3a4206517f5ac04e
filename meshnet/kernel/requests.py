"""The netlink request for each kind of change."""

from __future__ import annotations

from collections.abc import Mapping
from errno import EADDRNOTAVAIL, EEXIST, ENODEV, ENOENT, ESRCH
from typing import TypeAlias

from meshnet.kernel import address_messages as addresses
from meshnet.kernel.held import Held
from meshnet.kernel.ipvs import IpvsMessages
from meshnet.kernel.link_messages import delete_links, set_link
from meshnet.kernel.netlink import Request
from meshnet.netstate import change as c

IpvsChange: TypeAlias = (
    c.AddVirtualService
    | c.SetVirtualService
    | c.DropVirtualService
    | c.AddDestination
    | c.SetDestination
    | c.DropDestination
)

RouteChange: TypeAlias = (
    c.SetLink
    | c.AddAddress
    | c.DropAddress
    | c.AddRoute
    | c.DropRoute
    | c.AddNeighbour
    | c.DropNeighbour
    | c.AddFdbEntry
    | c.DropFdbEntry
)

_NONE: frozenset[int] = frozenset()
_TOLERATED: Mapping[type, frozenset[int]] = {
    c.DropLink: frozenset({ENODEV}),
    c.AddAddress: frozenset({EEXIST}),
    c.DropAddress: frozenset({EADDRNOTAVAIL}),
    c.AddRoute: frozenset({EEXIST}),
    c.DropRoute: frozenset({ESRCH}),
    c.DropNeighbour: frozenset({ENOENT}),
    c.DropFdbEntry: frozenset({ENOENT}),
    c.AddVirtualService: frozenset({EEXIST}),
    c.DropVirtualService: frozenset({ESRCH}),
    c.AddDestination: frozenset({EEXIST}),
    c.DropDestination: frozenset({ENOENT, ESRCH}),
}
"""What is no matter, as it is none to dockerd: that something to be added is there, or something to go is not."""


def route_request(change: RouteChange, held: Held) -> Request:
    """The request for a change of an interface that is there, or of what is on one. Raises ``LookupError`` if none of
    that name is known in ``held``."""
    return Request(_route_message(change, held), change, _TOLERATED.get(type(change), _NONE))


def _route_message(change: RouteChange, held: Held) -> bytes:
    match change:
        case c.SetLink():
            return _set_link(change, held)
        case c.AddAddress(_, address):
            return addresses.add_address(address, held.index(address.link))
        case c.DropAddress(_, address):
            return addresses.drop_address(address, held.index(address.link))
        case c.AddRoute(_, route):
            return addresses.add_route(route, held.index(route.link) if route.link else 0)
        case c.DropRoute(_, route):
            return addresses.drop_route(route, held.index(route.link) if route.link else 0)
        case c.AddNeighbour(_, neighbour):
            return addresses.add_neighbour(neighbour, held.index(neighbour.link))
        case c.DropNeighbour(_, neighbour):
            return addresses.drop_neighbour(neighbour, held.index(neighbour.link))
        case c.AddFdbEntry(_, entry):
            return addresses.add_fdb_entry(entry, held.index(entry.link))
        case c.DropFdbEntry(_, entry):
            return addresses.drop_fdb_entry(entry, held.index(entry.link))


def _set_link(change: c.SetLink, held: Held) -> bytes:
    link, old = change.link, change.old
    master = None
    if link.master != old.master:
        master = held.index(link.master) if link.master is not None else 0
    return set_link(
        held.index(link.name),
        up=link.up if link.up != old.up else None,
        mac=link.mac if link.mac != old.mac else None,
        mtu=link.mtu if link.mtu != old.mtu else None,
        master=master,
    )


def raise_request(change: c.AddLink, held: Held, *, peer: bool = False) -> Request:
    """Gives a new interface, or a veth's ``peer``, its master, and sets it up if it is to be; else as above."""
    link = change.peer if peer and change.peer is not None else change.link
    master = held.index(link.master) if link.master is not None else None
    return Request(set_link(held.index(link.name), up=link.up, master=master), change)


def drop_link_requests(changes: list[c.DropLink]) -> list[Request]:
    """Those of one namespace, deleted together."""
    what = "; ".join(map(str, changes))
    messages = delete_links([change.name for change in changes])
    return [Request(message, what, _TOLERATED[c.DropLink]) for message in messages]


def ipvs_request(change: IpvsChange, messages: IpvsMessages) -> Request:
    """The request for a change of IPVS services or destinations."""
    return Request(_ipvs_message(change, messages), change, _TOLERATED.get(type(change), _NONE))


def _ipvs_message(change: IpvsChange, messages: IpvsMessages) -> bytes:
    match change:
        case c.AddVirtualService(_, service):
            return messages.add_service(service)
        case c.SetVirtualService(_, service):
            return messages.set_service(service)
        case c.DropVirtualService(_, service):
            return messages.drop_service(service.mark)
        case c.AddDestination(_, mark, destination):
            return messages.add_destination(mark, destination)
        case c.SetDestination(_, mark, destination):
            return messages.set_destination(mark, destination)
        case c.DropDestination(_, mark, destination):
            return messages.drop_destination(mark, destination)
