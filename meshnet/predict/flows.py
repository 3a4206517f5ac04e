"""Flows that a lab ought to carry, each with the probe that tries it."""

from __future__ import annotations

from dataclasses import dataclass

from meshnet.path import Probe


@dataclass(frozen=True, slots=True)
class Flow:
    """``name`` is for people: ``client > swarm-worker1:8000/tcp``."""

    name: str
    probe: Probe
