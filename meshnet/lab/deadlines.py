"""How long anything in a lab is waited for, in seconds, on a machine like the ones it was made on.

``MESHNET_PATIENCE`` multiplies them all: 5 on a machine five times as slow.
"""

from __future__ import annotations

import os

BOOT = 60.0
"""From starting a kernel to the lab's process speaking; 0.5 s is usual."""

ANSWER = 20.0
"""From a service's tasks being placed to every node answering on its ports; well under 1 s is usual."""

CONVERGED = 120.0
"""From asking something of a swarm to every task being where it is to be: a container that doesn't mind being asked to
end is given its grace, 10 s mostly, before it is killed."""

TAKE_DOWN = 10.0
"""From asking a lab to end to its last process being gone; 0.1 s is usual."""


def scaled(seconds: float) -> float:
    return seconds * float(os.environ.get("MESHNET_PATIENCE", "1"))
