"""Flows that a lab ought to carry, each with the probe that tries it."""

from __future__ import annotations

from dataclasses import dataclass

from meshnet.netstate import NamespaceRef
from meshnet.path import Probe


@dataclass(frozen=True, slots=True)
class Flow:
    """``name`` is for people: ``client > swarm-worker1:8000/tcp``. ``ends`` are the namespaces in which it may be
    taken: a node has sockets of its own on the ports that it publishes."""

    name: str
    probe: Probe
    ends: frozenset[NamespaceRef]
