"""An interface in a namespace of a node, and how that is written."""

from __future__ import annotations

from dataclasses import dataclass

from meshnet.netstate import NamespaceRef


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Written ``swarm-worker1/ingress_sbox/eth0``, and ``swarm-worker1//eth0`` in the node's own namespace."""

    at: NamespaceRef
    interface: str

    def __str__(self) -> str:
        return f"{self.at.node}/{self.at.file}/{self.interface}"

    @classmethod
    def parse(cls, text: str) -> Place:
        """The inverse of ``str``. Raises ``ValueError``."""
        node, file, interface = text.split("/", 2)
        return cls(NamespaceRef(node, file), interface)
