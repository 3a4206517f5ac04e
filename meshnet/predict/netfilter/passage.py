"""One packet at one hook: what goes into a namespace's tables, and what comes out."""

from __future__ import annotations

from dataclasses import dataclass

from meshnet.path import Hook, Hop, Packet
from meshnet.predict.netfilter.flow import Flow


@dataclass(frozen=True, slots=True)
class Passage:
    """``packet`` has its mark (0 without one), and no MACs. Of the interfaces, empty is none; ``physical_...`` are the
    ports of a bridge whose frames are looked at on their way through (br_netfilter). ``balanced`` says that IPVS sent
    the packet here (``-m ipvs --ipvs``). ``flow`` is the packet's connection, None before conntrack has seen it in this
    namespace. ``quoted`` is the packet that an ICMP error tells of, as the error has it."""

    hook: Hook
    packet: Packet
    flow: Flow | None = None
    in_interface: str = ""
    out_interface: str = ""
    physical_in: str = ""
    physical_out: str = ""
    balanced: bool = False
    quoted: Packet | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """``hops`` are the rules that matched, in order. ``accepted`` is False for a packet that goes no further; then the
    last hop has the verdict. ``quoted`` is what an ICMP error tells of, translated back where the error was."""

    packet: Packet
    flow: Flow | None
    hops: tuple[Hop, ...]
    accepted: bool
    quoted: Packet | None = None
