"""The swarm itself: its name, its settings, and the tokens that let machines join."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network

from meshnet.model.clock import SECOND
from meshnet.model.meta import Meta


@dataclass(frozen=True, slots=True)
class SwarmSpec:
    """What ``docker swarm update`` changes. ``history`` is how many ended tasks a slot keeps; ``heartbeat`` is in
    nanoseconds; ``extras`` are the API's further settings as they came, which have no bearing here."""

    name: str = "default"
    labels: Mapping[str, str] = field(default_factory=dict)
    history: int = 5
    heartbeat: int = 5 * SECOND
    extras: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Swarm:
    """A swarm that machines have formed. Tokens are ``SWMTKN-1-<50 base 36>-<25 base 36>``."""

    id: str
    spec: SwarmSpec
    worker_token: str
    manager_token: str
    pool: IPv4Network
    pool_prefix: int = 24
    meta: Meta = field(default_factory=Meta, compare=False)
