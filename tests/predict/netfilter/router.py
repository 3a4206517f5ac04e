"""A router between a client and a server, in the kernel: what it counts, and what leaves it."""

from __future__ import annotations

import select
import socket
import struct
import subprocess
import time
from collections import Counter
from dataclasses import replace
from functools import cache
from ipaddress import IPv4Address

from meshnet.kernel.iptables import flavour
from meshnet.kernel.namespaces import NetNamespace
from meshnet.netstate import Ruleset
from meshnet.netstate.dialects import iptables_save
from meshnet.path import Packet
from meshnet.predict.netfilter.icmp_type import type_and_code
from tests.predict.netfilter.by_hand import Host

CLIENT, SERVER = IPv4Address("10.1.0.9"), IPv4Address("10.2.0.9")
ROUTER = Host.of(c0="10.1.0.1/24 10.1.0.2/24", s0="10.2.0.1/24")
ROUTER_ADDRESSES = [own.ip for addresses in ROUTER.addresses.values() for own in addresses]
SERVED = 53
"""The UDP port that a socket of the router is bound to, which never answers."""

_SETTINGS = {
    "ip_forward": "1",
    "icmp_ratemask": "0",
    "conf/all/rp_filter": "0",
    "conf/default/rp_filter": "0",
    "conf/all/send_redirects": "0",
    "conf/default/send_redirects": "0",
}
_NETLINK_NETFILTER = 12
_DEAF = "*raw\n-A PREROUTING -j DROP\nCOMMIT\n"
_NUMBERS = {"icmp": 1, "tcp": 6, "udp": 17}
_FLAGS = {"F": 1, "S": 2, "R": 4, "P": 8, "A": 16}
_SEQUENCE = {"S": (1000, 0), "SA": (3000, 1001), "A": (1001, 3001)}
"""Of a segment, and of what it acknowledges: conntrack takes what doesn't fit for invalid."""
_PATIENCE = 2.0

RulePlace = tuple[str, str, int]


class KernelRouter:
    """The stacks of client and server are deaf: only what a test says is sent, and what arrives is only looked at."""

    def __init__(self) -> None:
        self._spaces = {name: NetNamespace.create() for name in ("router", "client", "server")}
        with self._spaces["router"].entered():
            _make_router(self._spaces)
        with self._spaces["router"].entered():
            self._served = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._served.bind(("", SERVED))
        self._wires: dict[str, socket.socket] = {}
        self._raw: dict[str, socket.socket] = {}
        for name, address in (("client", CLIENT), ("server", SERVER)):
            with self._spaces[name].entered():
                _make_end(address)
                self._wires[name] = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
                self._wires[name].bind(("eth0", 0x0800))
        for name, space in self._spaces.items():
            with space.entered():
                self._raw[name] = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        self._settle()

    def _settle(self) -> None:
        """All know each other's MACs once something has come through, both ways."""
        self.send("client", Packet(CLIENT, SERVER, "udp", 9, 9))
        self.send("server", Packet(SERVER, CLIENT, "udp", 9, 9))
        for name in ("server", "client"):
            assert self.arrived(name) is not None, name

    def load(self, text: str) -> Ruleset:
        """Replace all rules and forget all connections; what the kernel makes of the rules, in its own words."""
        with self._spaces["router"].entered():
            _forget_connections()
            _run(_iptables("restore"), given=text)
            return iptables_save.parse(_run(_iptables("save")))

    def counted(self) -> Counter[RulePlace]:
        """How often each rule matched since ``load``; of policies, only those that drop, as number 0."""
        with self._spaces["router"].entered():
            rules, counters = iptables_save.parse_with_counters(_run(_iptables("save"), "-c"))
        counts: Counter[RulePlace] = Counter()
        for (table, chain), found in counters.rules.items():
            counts.update({(table, chain, number): counter.packets for number, counter in enumerate(found, 1)})
        for (table, chain), counter in counters.policies.items():
            if rules.chain(table, chain).policy == "DROP":
                counts[table, chain, 0] = counter.packets
        return +counts

    def send(self, origin: str, packet: Packet) -> None:
        """From a socket there. What the router's own rules refuse at once counts as sent."""
        try:
            self._raw[origin].sendto(_bytes_of(packet), (str(packet.destination), 0))
        except PermissionError:
            assert origin == "router"

    def arrived(self, where: str, patience: float = _PATIENCE) -> tuple[Packet, Packet | None] | None:
        """The next packet that came to the client or the server over its cable, with what it quotes if it's an error;
        None if none does."""
        wire, deadline = self._wires[where], time.monotonic() + patience
        while select.select([wire], [], [], max(0.0, deadline - time.monotonic()))[0]:
            data, (_, _, kind, *_) = wire.recvfrom(2048)
            if kind != socket.PACKET_OUTGOING:
                packet = _packet_of(data)
                return packet, _packet_of(data[28:]) if packet.kind == "port-unreachable" else None
        return None

    def close(self) -> None:
        for each in (self._served, *self._wires.values(), *self._raw.values()):
            each.close()
        for space in self._spaces.values():
            space.close()


def _make_router(spaces: dict[str, NetNamespace]) -> None:
    for name, value in _SETTINGS.items():
        with open(f"/proc/sys/net/ipv4/{name}", "w") as setting:  # noqa: PTH123
            setting.write(value)
    for name, end in (("c0", "client"), ("s0", "server")):
        peer = f"/proc/self/fd/{spaces[end].fd}"
        _run("ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", peer, keep=spaces[end].fd)
        for address in ROUTER.addresses[name]:
            _run("ip", "address", "add", str(address), "dev", name)
        _run("ip", "link", "set", name, "up")
    _run("ip", "link", "set", "lo", "up")


def _make_end(address: IPv4Address) -> None:
    _run("ip", "address", "add", f"{address}/24", "dev", "eth0")
    _run("ip", "link", "set", "eth0", "up")
    _run("ip", "route", "add", "default", "via", str(address - 8))
    _run(_iptables("restore"), given=_DEAF)


@cache
def _iptables(what: str) -> str:
    return f"iptables-{flavour()}-{what}"


def _forget_connections() -> None:
    """IPCTNL_MSG_CT_DELETE, acknowledged, of no connection in particular."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER) as netlink:
        netlink.send(struct.pack("=IHHIIBBH", 20, 0x102, 5, 1, 0, socket.AF_INET, 0, 0))
        assert struct.unpack_from("=i", netlink.recv(4096), 16) == (0,)


def _run(*command: str, given: str = "", keep: int | None = None) -> str:
    done = subprocess.run(
        command, input=given, capture_output=True, text=True, pass_fds=() if keep is None else (keep,), check=False
    )
    assert done.returncode == 0, f"{command}: {done.stderr}\n{given}"
    return done.stdout


def _bytes_of(packet: Packet) -> bytes:
    """The kernel fills in the IP header's length and checksum itself."""
    body = _body_of(packet)
    header = struct.pack(
        "!BBHHHBBH4s4s",
        0x45,
        0,
        20 + len(body),
        0,
        0,
        packet.ttl,
        _NUMBERS[packet.protocol],
        0,
        packet.source.packed,
        packet.destination.packed,
    )
    return header + body


def _body_of(packet: Packet) -> bytes:
    if packet.protocol == "icmp":
        body = struct.pack("!BBHHH", *type_and_code(packet.kind), 0, packet.source_port, 1)
        return body[:2] + struct.pack("!H", _checksum(body)) + body[4:]
    ports = struct.pack("!HH", packet.source_port, packet.destination_port)
    if packet.protocol == "udp":
        return ports + struct.pack("!HH", 8, 0)
    flags = sum(_FLAGS[letter] for letter in packet.kind)
    body = ports + struct.pack("!IIBBHHH", *_SEQUENCE.get(packet.kind, (0, 1001)), 0x50, flags, 1024, 0, 0)
    pseudo = packet.source.packed + packet.destination.packed + struct.pack("!HH", 6, len(body))
    return body[:16] + struct.pack("!H", _checksum(pseudo + body)) + body[18:]


def _checksum(data: bytes) -> int:
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _packet_of(data: bytes) -> Packet:
    """Addresses, protocol, ports, TCP's flags if there are any, and ICMP's type."""
    protocol = {number: name for name, number in _NUMBERS.items()}[data[9]]
    body = data[(data[0] & 15) * 4 :]
    packet = Packet(IPv4Address(data[12:16]), IPv4Address(data[16:20]), protocol)
    if protocol != "icmp":
        return replace(packet, source_port=_word(body, 0), destination_port=_word(body, 2), kind=_kind(protocol, body))
    kind = {0: "echo-reply", 8: "echo-request"}.get(body[0]) or "port-unreachable"
    port = _word(body, 4) if kind.startswith("echo") else None
    return replace(packet, source_port=port, destination_port=port, kind=kind)


def _kind(protocol: str, body: bytes) -> str:
    if protocol != "tcp" or len(body) < 14:
        return ""
    return "".join(letter for letter in "SFRPA" if body[13] & _FLAGS[letter])


def _word(data: bytes, place: int) -> int:
    return int.from_bytes(data[place : place + 2], "big")
