"""Docker's ID formats: 25 base-36 characters for swarm objects, 64 hexadecimal digits for containers."""

from __future__ import annotations

import random
from typing import NewType

NodeId = NewType("NodeId", str)
NetworkId = NewType("NetworkId", str)
ServiceId = NewType("ServiceId", str)
TaskId = NewType("TaskId", str)
ContainerId = NewType("ContainerId", str)

SWARM_ID_LENGTH = 25
CONTAINER_ID_LENGTH = 64
SHORT_ID_LENGTH = 12

_BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz"


def _draw(*parts: str) -> bytes:
    """32 bytes that follow from ``parts``. Not by hashlib: it loads OpenSSL, 0.15 s in user-mode Linux."""
    return random.Random("/".join(parts)).randbytes(32)


def swarm_id(seed: str, serial: int) -> str:
    """The ``serial``-th swarm object's id under ``seed``: 25 base-36 characters, repeatable."""
    number = int.from_bytes(_draw(seed, str(serial), "swarm"), "big")
    digits = []
    for _ in range(SWARM_ID_LENGTH):
        number, digit = divmod(number, 36)
        digits.append(_BASE36[digit])
    return "".join(digits)


def container_id(seed: str, serial: int, kind: str = "container") -> str:
    """The ``serial``-th container-like id of a ``kind`` under ``seed``: 64 hexadecimal digits."""
    return _draw(seed, str(serial), kind).hex()


def derived_id(*parts: str) -> str:
    """64 hexadecimal digits that follow from ``parts``: for what Docker draws at random and nothing else refers to
    (endpoint ids, host-side veth names, bridge MACs)."""
    return _draw(*parts).hex()


def short_id(full: str) -> str:
    """The first 12 characters, as ``docker ps`` prints an id."""
    return full[:SHORT_ID_LENGTH]
