"""A swarm-scoped overlay network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network

from meshnet.model.ids import NetworkId
from meshnet.model.meta import Meta

OVERLAY_MTU = 1450
"""1500 less 50 bytes of VXLAN; docker-swarm-facts section 1.3."""

DATA_PATH_PORT = 4789
"""UDP port of the encapsulated traffic."""

INGRESS = "ingress"


@dataclass(frozen=True, slots=True)
class Network:
    """One overlay network with one subnet.

    ``vni`` is its VXLAN network identifier (24 bits, from 4096), ``mtu`` that of its interfaces in bytes. One that is
    ``going`` has been removed: nobody sees it any more, and it lasts until the last task on it has ended.
    """

    id: NetworkId
    name: str
    subnet: IPv4Network
    gateway: IPv4Address
    vni: int
    ingress: bool = False
    internal: bool = False
    attachable: bool = False
    mtu: int = OVERLAY_MTU
    labels: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    going: bool = False
    meta: Meta = field(default_factory=Meta, compare=False)

    @property
    def overlay_file(self) -> str:
        """Name of its overlay namespace under ``/var/run/docker/netns``: ``1-<first 10 of the id>``."""
        return f"1-{self.id[:10]}"

    @property
    def balancer_file(self) -> str:
        """Name of its load-balancer sandbox there from 18.09 on: ``lb_<first 9 of the id>``, or its own for ingress."""
        return "ingress_sbox" if self.ingress else f"lb_{self.id[:9]}"
