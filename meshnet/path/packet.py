"""The headers of one packet, as it stood at one place."""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import IPv4Address

VXLAN_PORT = 4789


@dataclass(frozen=True, slots=True)
class Packet:
    """One IPv4 packet. What a place can't show is None: a rule sees no MACs, and a frame on a wire carries no mark.

    ``protocol`` is ``tcp``, ``udp``, ``icmp``, ``sctp``, or its number as text. The ports of an ICMP echo are both its
    identifier; other ICMP has none, nor has a fragment that is not the first. ``kind`` says more: the flags of TCP as
    tcpdump orders them (``S``, ``SA``, ``R``, ``RA``, ``A``, ``PA``, ``FA``), ICMP's type by iptables' name
    (``echo-request``, ``echo-reply``, ``ttl-exceeded``, ``port-unreachable``, ``host-unreachable``,
    ``fragmentation-needed``, else ``type/code``), of SCTP its first chunk (``init``, ``init-ack``, ``abort``, else
    ``chunk/number``), and nothing for the rest. ``length`` is the whole IP packet's, in
    bytes, ``ttl`` in hops, ``mark`` netfilter's. A packet that carries a frame over VXLAN has it in ``inner``, with its
    ``vni``; its own source port is a hash of that frame, so it counts as unknown.
    """

    source: IPv4Address
    destination: IPv4Address
    protocol: str
    source_port: int | None = None
    destination_port: int | None = None
    kind: str = ""
    ttl: int = 64
    length: int = 0
    dont_fragment: bool = True
    mark: int | None = None
    source_mac: str | None = None
    destination_mac: str | None = None
    vni: int | None = None
    inner: Packet | None = None

    @property
    def innermost(self) -> Packet:
        """The packet that is under way, whatever carries it."""
        return self if self.inner is None else self.inner.innermost

    @property
    def unframed(self) -> Packet:
        """Without its MACs: as a rule or a socket sees it."""
        return replace(self, source_mac=None, destination_mac=None)

    def is_answered_by(self, other: Packet) -> bool:
        """Whether ``other`` goes back between the same two sockets."""
        return (self.source, self.destination, self.protocol, self.source_port, self.destination_port) == (
            other.destination,
            other.source,
            other.protocol,
            other.destination_port,
            other.source_port,
        )

    def __str__(self) -> str:
        """``tcp 10.0.0.1:40000 > 10.0.0.2:80 S``."""
        ends = (_end(self.source, self.source_port), _end(self.destination, self.destination_port))
        return " ".join(filter(None, (self.protocol, ends[0], ">", ends[1], self.kind)))


def _end(address: IPv4Address, port: int | None) -> str:
    return str(address) if port is None else f"{address}:{port}"
