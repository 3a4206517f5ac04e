"""Connections, as conntrack knows them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Address


@dataclass(frozen=True, slots=True)
class Tuple:
    """One direction of a connection. The ports of an echo are both its identifier."""

    protocol: str
    source: IPv4Address
    source_port: int | None
    destination: IPv4Address
    destination_port: int | None


class FlowState(Enum):
    NEW = "NEW"
    ESTABLISHED = "ESTABLISHED"
    RELATED = "RELATED"
    UNTRACKED = "UNTRACKED"


@dataclass(frozen=True, slots=True)
class Flow:
    """The connection a packet belongs to in one namespace, and how the packet stands in it: ``key`` names the
    connection in its namespace's ``Connections``; ``reply`` says that the packet goes back."""

    key: int
    state: FlowState
    reply: bool = False
