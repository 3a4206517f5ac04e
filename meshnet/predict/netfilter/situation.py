"""What a rule looks at, and what is beyond it."""

from __future__ import annotations

from dataclasses import dataclass

from meshnet.path import Packet
from meshnet.predict.netfilter.connections import Connection, Connections
from meshnet.predict.netfilter.flow import Flow
from meshnet.predict.netfilter.local_host import LocalHost
from meshnet.predict.netfilter.passage import Passage


class UntaughtError(Exception):
    """A rule asks for what isn't known here; the text is that part of the rule."""


@dataclass(slots=True)
class Situation:
    """A packet at one point of its passage: ``packet``, ``flow`` and ``quoted`` as they have become, the rest of the
    ``passage`` as it was."""

    passage: Passage
    host: LocalHost
    connections: Connections
    packet: Packet
    flow: Flow | None
    quoted: Packet | None

    @property
    def connection(self) -> Connection | None:
        """None of what is untracked, invalid, or hasn't met conntrack."""
        key = self.flow.key if self.flow else None
        return None if key is None else self.connections[key]
