"""IPVS over generic netlink. Masquerading is 0 to the kernel, and a service is looked up with the full netmask."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from ipaddress import IPv4Address
from typing import Any

from meshnet.kernel.attributes import attributes, number, port, text
from meshnet.kernel.lean_pyroute2 import ctrlmsg, ipvsmsg
from meshnet.kernel.netlink import ACK, DUMP, NetlinkSocket, decode, encode
from meshnet.netstate import Destination, VirtualService

_CONTROL, _GETFAMILY = 16, 3
_NEW_SERVICE, _SET_SERVICE, _DEL_SERVICE, _GET_SERVICE = 1, 2, 3, 4
_NEW_DEST, _SET_DEST, _DEL_DEST, _GET_DEST = 5, 6, 7, 8
_VERSION = 1
_AF_INET = 2
_PERSISTENT = 1
_ALL_BITS = 0xFFFFFFFF
_ONE_HOST = "255.255.255.255"
_FORWARDING = {"masq": 0, "tunnel": 2, "route": 3}
_FORWARDING_WORDS = {method: word for word, method in _FORWARDING.items()}
_FORWARDING_MASK = 0x7
_HEADERS = 16 + 4
_CMD_SERVICE, _CMD_DEST = 1, 2
_SVC_AF, _SVC_FWMARK, _SVC_SCHEDULER, _SVC_FLAGS, _SVC_TIMEOUT = 1, 5, 6, 7, 8
_DEST_ADDRESS, _DEST_PORT, _DEST_METHOD, _DEST_WEIGHT = 1, 2, 3, 4


def family(socket: NetlinkSocket) -> int | None:
    """The number IPVS has in this kernel, or None where there is no IPVS. It is the same in all namespaces."""
    message = ctrlmsg()
    message["cmd"], message["version"] = _GETFAMILY, 1
    message["attrs"] = [("CTRL_ATTR_FAMILY_NAME", "IPVS")]
    (answer,) = socket.ask([encode(message, _CONTROL, ACK)])
    if answer is None:
        return None
    return int(decode(ctrlmsg, answer).get_attr("CTRL_ATTR_FAMILY_ID"))


class IpvsMessages:
    """Makes and reads IPVS's messages; ``family`` is its number."""

    def __init__(self, family: int) -> None:
        self._family = family
        self._requests: dict[int, bytes] = {}

    def add_service(self, service: VirtualService) -> bytes:
        return self._service(_NEW_SERVICE, service)

    def set_service(self, service: VirtualService) -> bytes:
        return self._service(_SET_SERVICE, service)

    def drop_service(self, mark: int) -> bytes:
        return self._encode(_DEL_SERVICE, [("IPVS_CMD_ATTR_SERVICE", {"attrs": _key(mark)})])

    def add_destination(self, mark: int, destination: Destination) -> bytes:
        return self._destination(_NEW_DEST, mark, destination)

    def set_destination(self, mark: int, destination: Destination) -> bytes:
        return self._destination(_SET_DEST, mark, destination)

    def drop_destination(self, mark: int, destination: Destination) -> bytes:
        return self._destination(_DEL_DEST, mark, destination)

    def services(self, socket: NetlinkSocket) -> dict[int, VirtualService]:
        """All by firewall mark that the socket's namespace has. Raises ``OSError``."""
        found = {}
        for data in socket.dump(self._list_services):
            service = attributes(attributes(data, _HEADERS)[_CMD_SERVICE])
            mark = number(service.get(_SVC_FWMARK))
            if mark and number(service.get(_SVC_AF)) == _AF_INET:
                flags = number(service.get(_SVC_FLAGS, b"")[:4])
                persistent = number(service.get(_SVC_TIMEOUT)) if flags & _PERSISTENT else 0
                oldest_first = tuple(self._destinations(socket, mark))[::-1]
                found[mark] = VirtualService(mark, text(service.get(_SVC_SCHEDULER)), oldest_first, persistent)
        return found

    def _destinations(self, socket: NetlinkSocket, mark: int) -> Iterator[Destination]:
        """As the kernel lists them, the newest first (``__ip_vs_update_dest`` of ip_vs_ctl.c)."""
        for data in socket.dump(self._list_destinations(mark)):
            server = attributes(attributes(data, _HEADERS)[_CMD_DEST])
            method = number(server.get(_DEST_METHOD)) & _FORWARDING_MASK
            yield Destination(
                IPv4Address(server[_DEST_ADDRESS][:4]),
                number(server.get(_DEST_WEIGHT)),
                port(server.get(_DEST_PORT)),
                _FORWARDING_WORDS.get(method, f"method {method}"),
            )

    @cached_property
    def _list_services(self) -> bytes:
        return self._encode(_GET_SERVICE, [], DUMP)

    def _list_destinations(self, mark: int) -> bytes:
        if mark not in self._requests:
            request = [("IPVS_CMD_ATTR_SERVICE", {"attrs": _key(mark)})]
            self._requests[mark] = self._encode(_GET_DEST, request, DUMP)
        return self._requests[mark]

    def _service(self, command: int, service: VirtualService) -> bytes:
        flags = _PERSISTENT if service.persistent else 0
        attributes = [
            *_key(service.mark),
            ("IPVS_SVC_ATTR_SCHED_NAME", service.scheduler),
            ("IPVS_SVC_ATTR_FLAGS", {"flags": flags, "mask": _ALL_BITS}),
            ("IPVS_SVC_ATTR_TIMEOUT", service.persistent),
            ("IPVS_SVC_ATTR_NETMASK", _ONE_HOST),
        ]
        return self._encode(command, [("IPVS_CMD_ATTR_SERVICE", {"attrs": attributes})])

    def _destination(self, command: int, mark: int, destination: Destination) -> bytes:
        server = [
            ("IPVS_DEST_ATTR_ADDR_FAMILY", _AF_INET),
            ("IPVS_DEST_ATTR_ADDR", str(destination.address)),
            ("IPVS_DEST_ATTR_PORT", destination.port),
            ("IPVS_DEST_ATTR_FWD_METHOD", _FORWARDING[destination.forwarding]),
            ("IPVS_DEST_ATTR_WEIGHT", destination.weight),
            ("IPVS_DEST_ATTR_U_THRESH", 0),
            ("IPVS_DEST_ATTR_L_THRESH", 0),
        ]
        attributes = [("IPVS_CMD_ATTR_SERVICE", {"attrs": _key(mark)}), ("IPVS_CMD_ATTR_DEST", {"attrs": server})]
        return self._encode(command, attributes)

    def _encode(self, command: int, attributes: list[tuple[str, Any]], flags: int = 0) -> bytes:
        message = ipvsmsg()
        message["cmd"], message["version"] = command, _VERSION
        message["attrs"] = attributes
        return encode(message, self._family, flags)


def _key(mark: int) -> list[tuple[str, Any]]:
    return [("IPVS_SVC_ATTR_AF", _AF_INET), ("IPVS_SVC_ATTR_FWMARK", mark)]
