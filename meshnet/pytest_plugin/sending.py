"""Sends scapy's packets from a place in the lab."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address

from scapy.layers.inet import IP
from scapy.layers.l2 import Ether
from scapy.packet import Packet

from meshnet.errors import InputError
from meshnet.pytest_plugin.lab import Lab, Node, Task

_INTERFACE = "eth0"


class Send:
    """The fixture ``send``."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab

    def __repr__(self) -> str:
        return "<send>"

    def __call__(
        self,
        packet: Packet | Sequence[Packet],
        at: str | Node | Task,
        *,
        interface: str | None = None,
        rate: float | None = None,
    ) -> int:
        """Send one packet or several, in order, at most ``rate`` a second, and return how many.

        One that begins with IP goes where the kernel routes it, through its OUTPUT rules; without a source it gets the
        place's address. One that begins with Ether leaves as it is by ``interface`` (``eth0``), past all rules. Raises
        ``InputError`` for what can't be sent.
        """
        __tracebackhide__ = True
        packets = [packet] if isinstance(packet, Packet) else list(packet)
        framed = {isinstance(each, Ether) for each in packets}
        if len(framed) > 1:
            raise InputError("send packets with Ether and packets without it one after the other, not in one call")
        place = at if isinstance(at, str) else at.place
        if framed == {True}:
            interface = interface or _INTERFACE
            ready = [_addressed(each) for each in packets]
        else:
            ready = [self._sourced(each, at) for each in packets]
        frames = [bytes(each).hex() for each in ready]
        answer = self._lab.bench.call("inject", at=place, interface=interface, frames=frames, rate=rate)
        return int(answer["sent"])

    def _sourced(self, packet: Packet, at: str | Node | Task) -> Packet:
        """With a source, which checksums need and scapy would take from the machine's own routes."""
        if not isinstance(packet, IP):
            raise InputError(f"expected a packet that begins with Ether or IP, found {packet.summary()}")
        if "src" in packet.fields:
            return packet
        if isinstance(at, str):
            raise InputError(f"say the packet's source, IP(src=...): {at} may have several addresses")
        sourced = packet.copy()
        sourced.src = str(_source(at, IPv4Address(str(packet.dst))))
        return sourced


def _source(at: Node | Task, destination: IPv4Address) -> IPv4Address:
    if destination.is_loopback:
        return IPv4Address("127.0.0.1")
    if isinstance(at, Node):
        return at.address
    near = [own.ip for own in at.addresses.values() if destination in own.network]
    if not near:
        raise InputError(f"say the packet's source, IP(src=...): {at} has no address on a network with {destination}")
    return near[0]


def _addressed(packet: Packet) -> Packet:
    """Raises ``InputError`` for a frame without its MACs: scapy would look for them on the machine's own network."""
    for name in ("src", "dst"):
        if name not in packet.fields:
            raise InputError(f"say the frame's MACs, Ether(src=..., dst=...): {packet.summary()} has no {name}")
    return packet
