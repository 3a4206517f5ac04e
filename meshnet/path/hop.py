"""One step of a packet's way."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from meshnet.netstate import NamespaceRef
from meshnet.path.packet import Packet


class Stage(StrEnum):
    """What happened at a hop, in the kernel's order of things."""

    SEND = "send"
    """A socket of this namespace sends it."""
    OUT = "out"
    """It leaves through an interface. A bridge, a vxlan device and ``lo`` are interfaces as any other."""
    IN = "in"
    """It comes in through an interface."""
    RULE = "rule"
    """An iptables rule matches it: every matching rule is a hop, jumps and returns included, and so is a policy that
    drops. A policy that accepts and the end of a user's chain aren't, nor is a rule that doesn't match."""
    IPVS = "ipvs"
    """IPVS sends it to a real server, or turns a real server's answer back."""
    DELIVER = "deliver"
    """A socket of this namespace gets it, or the kernel answers it (an echo request)."""
    STOP = "stop"
    """It goes no further, and no rule says so: ``cause`` does, as far as it is known."""


class Verdict(StrEnum):
    PASSES = "passes"
    DELIVERED = "delivered"
    DROPPED = "dropped"
    REFUSED = "refused"
    """Dropped, and its sender is told: by REJECT, or since nobody listens there."""


class Why(StrEnum):
    """What decided: the kinds of cause."""

    SOCKET = "socket"
    ROUTE = "route"
    NEIGHBOUR = "neighbour"
    FDB = "fdb"
    BRIDGE = "bridge"
    VETH = "veth"
    VXLAN = "vxlan"
    LOOPBACK = "loopback"
    RULE = "rule"
    POLICY = "policy"
    IPVS = "ipvs"
    CONNTRACK = "conntrack"
    NO_ROUTE = "no-route"
    NO_NEIGHBOUR = "no-neighbour"
    NO_FDB_ENTRY = "no-fdb-entry"
    WRONG_VTEP = "wrong-vtep"
    """The VTEP an FDB entry names isn't there, or has no device of that VNI and port."""
    NO_ADDRESS = "no-address"
    """An address that an interface should have, or shouldn't."""
    LINK_DOWN = "link-down"
    FORWARDING_OFF = "forwarding-off"
    RP_FILTER = "rp-filter"
    MARTIAN = "martian"
    """127.0.0.0/8 where ``route_localnet`` is off, or a source address that is the receiver's own."""
    NO_SERVER = "no-server"
    """An IPVS service without a real server that takes connections."""
    MTU = "mtu"
    TTL = "ttl"
    SETTING = "setting"
    """A sysctl."""
    NO_LISTENER = "no-listener"
    NOT_FOR_US = "not-for-us"
    """A frame whose MAC is another's."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class RuleRef:
    """A rule by its place, counted from 1 as ``iptables -L --line-numbers`` does; number 0 is the chain's policy.
    ``text`` is what ``iptables-save`` prints, without ``-A CHAIN``; of a policy the word."""

    table: str
    chain: str
    number: int
    text: str = ""

    def __str__(self) -> str:
        return f"{self.table} {self.chain} {self.number or 'policy'}"


@dataclass(frozen=True, slots=True)
class Cause:
    """What decided a hop: its kind, the entry itself in the words of the tool that shows it (``ip route``, ``bridge
    fdb``, ``ipvsadm -Sn``, ...), and of a packet's end what would ``mend`` it, as a command where there is one."""

    why: Why
    text: str = ""
    mend: str = ""


@dataclass(frozen=True, slots=True)
class Hop:
    """One step. ``packet`` is as it was after it: what a rule made of it, the frame as it was on the interface.

    ``interface`` is that of OUT and IN; of rules, the one the packet came in by, if it did. ``time`` is in nanoseconds
    since the epoch, None where nobody looked at a clock: a predicted hop, a rule hit of the kernel's own packets.
    """

    at: NamespaceRef
    stage: Stage
    packet: Packet
    interface: str = ""
    rule: RuleRef | None = None
    verdict: Verdict = Verdict.PASSES
    cause: Cause | None = None
    time: int | None = None

    def agrees(self, other: Hop) -> bool:
        """Whether both say the same, but for causes and times. ``interface`` counts for frames only, and of a packet
        that goes no further nothing but which it is: where exactly the kernel let go of it, nobody sees."""
        return self._said == other._said

    @property
    def _said(self) -> tuple[object, ...]:
        rule = self.rule and (self.rule.table, self.rule.chain, self.rule.number)
        interface = self.interface if self.stage in (Stage.IN, Stage.OUT) else ""
        packet = str(self.packet.innermost) if self.stage is Stage.STOP else self.packet
        return self.at, self.stage, interface, rule, self.verdict, packet
