"""Configs and secrets: small files that the swarm keeps, and the services that want them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NewType

from meshnet.model.meta import Meta

StoredId = NewType("StoredId", str)


class StoredKind(StrEnum):
    CONFIG = "config"
    SECRET = "secret"


@dataclass(frozen=True, slots=True)
class Stored:
    """A config or a secret. ``data`` is what it holds; nobody is ever shown a secret's."""

    id: StoredId
    kind: StoredKind
    name: str
    data: bytes
    labels: Mapping[str, str] = field(default_factory=dict)
    meta: Meta = field(default_factory=Meta, compare=False)


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A service's wish for one of them: ``source`` is its name, ``target`` the file in the container (a secret's is
    below ``/run/secrets`` unless it is absolute), ``mode`` its permission bits."""

    kind: StoredKind
    source: str
    target: str
    uid: str = "0"
    gid: str = "0"
    mode: int = 0o444
