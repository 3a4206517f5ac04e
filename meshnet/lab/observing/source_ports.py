"""Where probes are sent from, if nobody says."""

from __future__ import annotations

import random
from dataclasses import replace

from meshnet.path import Probe

_PORTS = range(33000, 60000)
"""Linux's own range, nearly. With one that is known beforehand, the way can be told beforehand. And every probe has its
own: IPVS may remember by it which real server the last one went to."""


def drawn() -> int:
    return random.choice(_PORTS)


def redrawn(probe: Probe) -> Probe:
    """The same from another port."""
    return replace(probe, source_port=drawn())
