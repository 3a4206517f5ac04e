"""All namespaces there are at one moment, the underlay's included: what a prediction is made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address

from meshnet.netstate.state import NamespaceRef, NetState


@dataclass(frozen=True, slots=True)
class Listener:
    """A socket that takes what comes for ``port``: TCP's that listen, UDP's and SCTP's that are bound. ``address`` is
    None where it takes any. ``connected`` to one peer, a UDP socket takes nothing from others and isn't listed."""

    protocol: str
    port: int
    address: IPv4Address | None = None


@dataclass(frozen=True, slots=True)
class World:
    """``states`` has every namespace, of machines, of what is inside them, and of the switches between them, with no
    interface left out as foreign: a cable between machines is a veth with its peer as any other.

    ``sysctls`` of a NetState here may hold settings that Docker never touches; one that is missing has the kernel's own
    default. ``listeners`` is None where nobody looked: then every port of every namespace is taken to be served.
    """

    states: Mapping[NamespaceRef, NetState]
    listeners: Mapping[NamespaceRef, frozenset[Listener]] | None = None
