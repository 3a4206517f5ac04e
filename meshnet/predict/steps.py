"""What is to happen next to a packet: the stations of its way through the kernel, each a value.

A step does its part and says which comes next, or that the packet's way has ended. That none calls the next one itself
keeps a long way, round a routing loop say, off Python's stack.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from meshnet.netstate import NamespaceRef
from meshnet.path import Cause, Packet
from meshnet.predict.netfilter import Flow
from meshnet.predict.routing import Way


@dataclass(frozen=True, slots=True)
class Buffer:
    """A packet, and what the kernel keeps with it within one namespace (``sk_buff``).

    ``packet`` has its mark, and the MACs of the frame it came in, or is in. ``came_by`` is the interface it came in by,
    ``port`` the bridge's if that is a bridge. ``balanced`` says that IPVS has had it."""

    at: NamespaceRef
    packet: Packet
    flow: Flow | None = None
    came_by: str = ""
    port: str = ""
    balanced: bool = False


@dataclass(frozen=True, slots=True)
class LocalOut:
    """OUTPUT, by the way that was found for it."""

    buffer: Buffer
    way: Way


@dataclass(frozen=True, slots=True)
class Leave:
    """POSTROUTING, and off to the next hop."""

    buffer: Buffer
    way: Way


@dataclass(frozen=True, slots=True)
class Transmit:
    """A frame goes out by an interface; ``cause`` sent it there."""

    buffer: Buffer
    link: str
    cause: Cause


@dataclass(frozen=True, slots=True)
class Arrive:
    """A frame comes in by an interface."""

    buffer: Buffer
    link: str
    cause: Cause


@dataclass(frozen=True, slots=True)
class Bridge:
    """A frame is in a bridge and looks for its port. ``filtered`` says that iptables looks at it on its way."""

    buffer: Buffer
    bridge: str
    filtered: bool = False


@dataclass(frozen=True, slots=True)
class Receive:
    """A packet has come to its namespace's IP by an interface, which is no port; with ``prerouted``, it has been
    through PREROUTING as a bridge's frame."""

    buffer: Buffer
    prerouted: bool = False


@dataclass(frozen=True, slots=True)
class LocalIn:
    """INPUT."""

    buffer: Buffer


@dataclass(frozen=True, slots=True)
class Forward:
    """On to another machine, by the way that was found for it."""

    buffer: Buffer
    way: Way


@dataclass(frozen=True, slots=True)
class Deliver:
    """To a socket."""

    buffer: Buffer


Step: TypeAlias = LocalOut | Leave | Transmit | Arrive | Bridge | Receive | LocalIn | Forward | Deliver
