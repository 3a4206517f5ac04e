"""What is seen of packets: frames on interfaces, and rules that matched."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from meshnet.netstate import NamespaceRef
from meshnet.path import Hook


class Direction(Enum):
    """Which way a frame went, and for whom it was: the kernel's ``sll_pkttype``."""

    HOST = 0
    BROADCAST = 1
    MULTICAST = 2
    OTHER_HOST = 3
    OUTGOING = 4

    @property
    def out(self) -> bool:
        return self is Direction.OUTGOING


@dataclass(frozen=True, slots=True)
class Sighting:
    """One frame on one interface, from its Ethernet header on. ``time`` is the kernel's, in nanoseconds since the
    epoch; ``length`` what the frame had on the wire, in bytes, of which ``data`` may be the beginning."""

    at: NamespaceRef
    interface: str
    direction: Direction
    time: int
    data: bytes
    length: int


@dataclass(frozen=True, slots=True)
class Hit:
    """A rule that matched a packet, by the kernel's own TRACE.

    ``number`` is the rule's in its chain as ``iptables -L --line-numbers`` counts, the tracing rule itself not counted;
    the one after the last rule is the chain's end: the policy, or the return to where it was called from. ``data`` is
    the packet from its IP header on, before the rule did anything, ``mark`` its mark then. Of the interfaces, empty is
    none; ``physical_...`` are the ports of a bridge whose frames are looked at on their way through.
    """

    at: NamespaceRef
    table: str
    chain: str
    number: int
    hook: Hook
    data: bytes
    mark: int
    in_interface: str = ""
    out_interface: str = ""
    physical_in: str = ""
    physical_out: str = ""
    time: int | None = None
