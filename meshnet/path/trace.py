"""One probe, what was predicted of it and what was seen, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from meshnet.netstate import NamespaceRef
from meshnet.path.path import Difference, Journey
from meshnet.path.probe import Probe

Direction = Literal["request", "reply"]


@dataclass(frozen=True, slots=True)
class Parting:
    """Where the journey that was seen parts from the one that was predicted: on which way, and at which hop."""

    direction: Direction
    difference: Difference


@dataclass(frozen=True, slots=True)
class Trace:
    """``observed`` is None where nothing was sent: then ``predicted`` has a journey for each real server that IPVS may
    pick; else that one which comes closest, and ``parting`` says where the two part, None if nowhere. No answer, or
    nothing at all, is predicted where predict wasn't taught something, which ``notes`` then says. ``lost`` counts
    frames and rule hits that were seen but not kept, by namespace: with any, the journey may have gaps. ``names`` are
    what people call the namespaces of tasks and containers."""

    lab: str
    probe: Probe
    predicted: tuple[Journey, ...] = ()
    observed: Journey | None = None
    parting: Parting | None = None
    lost: Mapping[NamespaceRef, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    names: Mapping[NamespaceRef, str] = field(default_factory=dict)

    @property
    def shown(self) -> Journey | None:
        """What there is to show: what was seen, else what was predicted first."""
        return self.observed or (self.predicted[0] if self.predicted else None)
