"""Looking at a running lab: where a packet goes, and what stands in the way of one.

What does so is imported when somebody looks for the first time: a lab comes up sooner without it.
"""

from __future__ import annotations

from meshnet.lab.control.wire import Json
from meshnet.lab.lab import Lab


async def trace(lab: Lab, request: Json) -> Json:
    """See ``tracing.trace``."""
    from meshnet.lab.observing import tracing

    return await tracing.trace(lab, request)


async def explain(lab: Lab) -> Json:
    """See ``explaining.explain``."""
    from meshnet.lab.observing import explaining

    return await explaining.explain(lab)
