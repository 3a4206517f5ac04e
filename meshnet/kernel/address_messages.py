"""rtnetlink messages for addresses, routes, neighbours and FDB entries. ``index`` is that of their interface."""

from __future__ import annotations

from functools import cache
from typing import Any

from meshnet.kernel.lean_pyroute2 import ifaddrmsg, ndmsg, rtmsg
from meshnet.kernel.netlink import APPEND, CREATE, DUMP, EXCL, REPLACE, encode
from meshnet.netstate import Address, FdbEntry, Neighbour, Route
from meshnet.netstate.state import NO_MAC

NEWADDR, DELADDR, GETADDR = 20, 21, 22
NEWROUTE, DELROUTE, GETROUTE = 24, 25, 26
NEWNEIGH, DELNEIGH, GETNEIGH = 28, 29, 30

AF_INET = 2
AF_BRIDGE = 7
MAIN_TABLE = 254
BY_KERNEL = 2
"""The protocol of routes that the kernel adds for an address."""
PERMANENT = 0x80
SELF = 0x02
ROUTE_KINDS = {"unicast": 1, "blackhole": 6, "unreachable": 7, "prohibit": 8, "throw": 9}

_BY_ADMINISTRATOR = 3
_SCOPE_UNIVERSE, _SCOPE_LINK, _SCOPE_NOWHERE = 0, 253, 255


def add_address(address: Address, index: int) -> bytes:
    return encode(_address(address, index), NEWADDR, CREATE | EXCL)


def drop_address(address: Address, index: int) -> bytes:
    return encode(_address(address, index), DELADDR, 0)


def _address(address: Address, index: int) -> Any:
    message = ifaddrmsg()
    message["family"], message["index"] = AF_INET, index
    message["prefixlen"] = address.interface.network.prefixlen
    own = str(address.interface.ip)
    message["attrs"] = [("IFA_LOCAL", own), ("IFA_ADDRESS", own)]
    if address.broadcast is not None:
        message["attrs"].append(("IFA_BROADCAST", str(address.broadcast)))
    return message


def add_route(route: Route, index: int) -> bytes:
    """``index`` is 0 for a route without an interface. Raises ``ValueError`` for a kind that is only ever observed."""
    if route.kind not in ROUTE_KINDS:
        raise ValueError(f"expected a route of kind {', '.join(ROUTE_KINDS)} to add, found {route}")
    message = _route(route, index)
    message["type"] = ROUTE_KINDS[route.kind]
    message["proto"] = _BY_ADMINISTRATOR
    message["scope"] = _SCOPE_LINK if route.kind == "unicast" and route.via is None else _SCOPE_UNIVERSE
    return encode(message, NEWROUTE, CREATE | EXCL)


def drop_route(route: Route, index: int) -> bytes:
    message = _route(route, index)
    message["scope"] = _SCOPE_NOWHERE
    return encode(message, DELROUTE, 0)


def _route(route: Route, index: int) -> Any:
    message = rtmsg()
    message["family"], message["table"] = AF_INET, MAIN_TABLE
    message["dst_len"] = route.destination.prefixlen
    attributes = (
        ("RTA_DST", str(route.destination.network_address) if route.destination.prefixlen else None),
        ("RTA_OIF", index or None),
        ("RTA_GATEWAY", str(route.via) if route.via is not None else None),
        ("RTA_PRIORITY", route.metric or None),
    )
    message["attrs"] = [(name, value) for name, value in attributes if value is not None]
    return message


def add_neighbour(neighbour: Neighbour, index: int) -> bytes:
    message = _neighbour(neighbour, index)
    message["attrs"].append(("NDA_LLADDR", neighbour.mac))
    message["state"] = PERMANENT
    return encode(message, NEWNEIGH, CREATE | REPLACE)


def drop_neighbour(neighbour: Neighbour, index: int) -> bytes:
    return encode(_neighbour(neighbour, index), DELNEIGH, 0)


def _neighbour(neighbour: Neighbour, index: int) -> Any:
    message = ndmsg()
    message["family"], message["ifindex"] = AF_INET, index
    message["attrs"] = [("NDA_DST", str(neighbour.address))]
    return message


def add_fdb_entry(entry: FdbEntry, index: int) -> bytes:
    message = _fdb_entry(entry, index)
    message["state"] = PERMANENT
    return encode(message, NEWNEIGH, CREATE | (APPEND if entry.mac == NO_MAC else REPLACE))


def drop_fdb_entry(entry: FdbEntry, index: int) -> bytes:
    return encode(_fdb_entry(entry, index), DELNEIGH, 0)


def _fdb_entry(entry: FdbEntry, index: int) -> Any:
    message = ndmsg()
    message["family"], message["ifindex"], message["flags"] = AF_BRIDGE, index, SELF
    message["attrs"] = [("NDA_LLADDR", entry.mac), ("NDA_DST", str(entry.vtep))]
    return message


@cache
def list_addresses() -> bytes:
    return _list(ifaddrmsg(), GETADDR, AF_INET)


@cache
def list_routes() -> bytes:
    return _list(rtmsg(), GETROUTE, AF_INET)


@cache
def list_neighbours() -> bytes:
    return _list(ndmsg(), GETNEIGH, AF_INET)


@cache
def list_fdb() -> bytes:
    return _list(ndmsg(), GETNEIGH, AF_BRIDGE)


def _list(message: Any, kind: int, family: int) -> bytes:
    message["family"] = family
    return encode(message, kind, DUMP)
