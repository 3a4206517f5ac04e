"""The name of one network namespace in a lab."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class NamespaceRef:
    """``node`` is a host of the topology; ``file`` the name under its ``/var/run/docker/netns``, or empty for
    the node's own. Written ``swarm-worker1`` and ``swarm-worker1/ingress_sbox``.
    """

    node: str
    file: str = ""

    def __str__(self) -> str:
        return f"{self.node}/{self.file}" if self.file else self.node

    @classmethod
    def parse(cls, text: str) -> NamespaceRef:
        """The inverse of ``str``."""
        node, _, file = text.partition("/")
        return cls(node, file)


SWITCHES = NamespaceRef("lab")
"""Where the switches between a lab's machines are: in no machine, but in the lab's own namespace."""
