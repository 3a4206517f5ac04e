"""What a Compose file asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network

from meshnet.model.service import ServiceSpec
from meshnet.model.stored import StoredKind


@dataclass(frozen=True, slots=True)
class NetworkSpec:
    """An overlay network somebody asks for. Without a ``subnet`` the swarm gives it the next one of its pool.

    An ``external`` one is not made: it must be there. ``ingress`` asks for the network of published ports.
    """

    name: str
    subnet: IPv4Network | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    attachable: bool = False
    internal: bool = False
    external: bool = False
    gateway: IPv4Address | None = None
    ingress: bool = False


@dataclass(frozen=True, slots=True)
class StoredSpec:
    """A config or a secret somebody asks for; ``data`` is what it is to hold."""

    kind: StoredKind
    name: str
    data: bytes
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stack:
    """Networks, services, and the configs and secrets they want, in the order they are written. ``name`` is empty for
    one without a name.

    ``warnings`` are sentences about what was read and passed over.
    """

    name: str = ""
    networks: tuple[NetworkSpec, ...] = ()
    services: tuple[ServiceSpec, ...] = ()
    files: tuple[StoredSpec, ...] = ()
    warnings: tuple[str, ...] = ()
