"""A probe that was sent."""

from __future__ import annotations

from dataclasses import dataclass

from meshnet.netstate import NamespaceRef
from meshnet.path import Packet
from meshnet.trace.recognise import Signature


@dataclass(frozen=True, slots=True)
class Sent:
    """``packet`` as it left its socket in ``at``, and what it is known by on its way."""

    at: NamespaceRef
    packet: Packet
    signature: Signature
