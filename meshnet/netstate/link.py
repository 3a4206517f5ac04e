"""Network interfaces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from meshnet.netstate.namespace import NamespaceRef


@dataclass(frozen=True, slots=True)
class Veth:
    """One end of a pair. ``peer`` is the other end's interface name, ``peer_namespace`` the namespace it lies in.

    An observed end whose peer is in a namespace nobody asked about has None for both.
    """

    peer: str | None
    peer_namespace: NamespaceRef | None


@dataclass(frozen=True, slots=True)
class Bridge:
    """A Linux bridge; spanning tree is off, as Docker leaves it."""


@dataclass(frozen=True, slots=True)
class Vxlan:
    """A VXLAN device. ``underlay`` is the namespace it was made in, where its UDP socket stays.

    ``proxy`` answers ARP from the neighbour table; ``learning`` is that of its FDB; Docker sets all four flags.
    """

    vni: int
    port: int
    underlay: NamespaceRef | None
    learning: bool = True
    proxy: bool = True
    l2miss: bool = True
    l3miss: bool = True


@dataclass(frozen=True, slots=True)
class OtherLink:
    """A kind of device that nothing here makes, by the name ``ip -d link`` gives it; only ever observed."""

    kind: str


LinkKind: TypeAlias = Veth | Bridge | Vxlan | OtherLink


@dataclass(frozen=True, slots=True)
class Link:
    """One interface. ``mac`` is ``aa:bb:cc:dd:ee:ff`` or None where the kernel may draw one; ``mtu`` is in bytes;
    ``master`` is the name of the bridge it is a port of, in its own namespace."""

    name: str
    kind: LinkKind
    mac: str | None = None
    mtu: int = 1500
    master: str | None = None
    up: bool = True
