"""Connections, as conntrack knows them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Address

_MIRRORED_KINDS = {"echo-request": "echo-reply", "echo-reply": "echo-request"}


@dataclass(frozen=True, slots=True)
class Tuple:
    """One direction of a connection. The ports of an echo are both its identifier, and ``kind`` says whether it is the
    request or the reply; it's empty for all else."""

    protocol: str
    source: IPv4Address
    source_port: int | None
    destination: IPv4Address
    destination_port: int | None
    kind: str = ""

    @property
    def mirrored(self) -> Tuple:
        """What goes back."""
        return Tuple(
            self.protocol,
            self.destination,
            self.destination_port,
            self.source,
            self.source_port,
            _MIRRORED_KINDS.get(self.kind, ""),
        )


class FlowState(Enum):
    """What ``--ctstate`` says of a packet, but for ``SNAT`` and ``DNAT``, which it says of the connection."""

    NEW = "NEW"
    ESTABLISHED = "ESTABLISHED"
    RELATED = "RELATED"
    UNTRACKED = "UNTRACKED"
    INVALID = "INVALID"


@dataclass(frozen=True, slots=True)
class Flow:
    """The connection a packet belongs to in one namespace, and how the packet stands in it: ``key`` names the
    connection in its namespace's ``Connections``; ``reply`` says that the packet goes back. What is untracked or
    invalid has no connection: its key is None."""

    key: int | None
    state: FlowState
    reply: bool = False


UNTRACKED = Flow(None, FlowState.UNTRACKED)
INVALID = Flow(None, FlowState.INVALID)
