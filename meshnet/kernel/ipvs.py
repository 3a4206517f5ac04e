"""IPVS over generic netlink. Masquerading is 0 to the kernel, and a service is looked up with the full netmask."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address
from typing import Any

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
_FORWARDING_MASK = 0x7


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
        for data in socket.dump(self._encode(_GET_SERVICE, [], DUMP)):
            service = decode(ipvsmsg, data).get_attr("IPVS_CMD_ATTR_SERVICE")
            mark = service.get_attr("IPVS_SVC_ATTR_FWMARK")
            if mark and service.get_attr("IPVS_SVC_ATTR_AF") == _AF_INET:
                flags = service.get_attr("IPVS_SVC_ATTR_FLAGS")["flags"]
                persistent = service.get_attr("IPVS_SVC_ATTR_TIMEOUT") if flags & _PERSISTENT else 0
                scheduler = service.get_attr("IPVS_SVC_ATTR_SCHED_NAME")
                oldest_first = tuple(self._destinations(socket, mark))[::-1]
                found[mark] = VirtualService(mark, scheduler, oldest_first, persistent)
        return found

    def _destinations(self, socket: NetlinkSocket, mark: int) -> Iterator[Destination]:
        """As the kernel lists them, the newest first (``__ip_vs_update_dest`` of ip_vs_ctl.c)."""
        request = self._encode(_GET_DEST, [("IPVS_CMD_ATTR_SERVICE", {"attrs": _key(mark)})], DUMP)
        words = {number: word for word, number in _FORWARDING.items()}
        for data in socket.dump(request):
            server = decode(ipvsmsg, data).get_attr("IPVS_CMD_ATTR_DEST")
            method = server.get_attr("IPVS_DEST_ATTR_FWD_METHOD") & _FORWARDING_MASK
            yield Destination(
                IPv4Address(server.get_attr("IPVS_DEST_ATTR_ADDR")),
                server.get_attr("IPVS_DEST_ATTR_WEIGHT"),
                server.get_attr("IPVS_DEST_ATTR_PORT"),
                words.get(method, f"method {method}"),
            )

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
