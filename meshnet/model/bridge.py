"""Bridge networks: each is one node's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network

from meshnet.model.ids import NetworkId, NodeId, short_id

DEFAULT_BRIDGE = "bridge"
GWBRIDGE = "docker_gwbridge"
BRIDGE_NAME_OPTION = "com.docker.network.bridge.name"


@dataclass(frozen=True, slots=True)
class BridgeNetwork:
    """A bridge network that somebody made on a node (``docker network create``); ``docker0`` and ``docker_gwbridge``
    are the engine's own, see ``EngineState``. ``created`` is an instant in nanoseconds."""

    id: NetworkId
    node: NodeId
    name: str
    subnet: IPv4Network
    gateway: IPv4Address
    internal: bool = False
    attachable: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    created: int = 0

    @property
    def link(self) -> str:
        """Its interface on the node: ``br-<first 12 of the id>``, or the name asked for."""
        return self.options.get(BRIDGE_NAME_OPTION) or f"br-{short_id(self.id)}"
