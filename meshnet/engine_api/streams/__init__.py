"""Byte streams over the Engine API's connections: taken over from HTTP, framed, and joined to programs.

Nothing here knows of a swarm or a container; routes are built on it.
"""

from meshnet.engine_api.streams.frames import Stream, frame
from meshnet.engine_api.streams.presence import while_listening
from meshnet.engine_api.streams.processes import run_attached, run_detached
from meshnet.engine_api.streams.server import StreamRunner
from meshnet.engine_api.streams.takeover import (
    MULTIPLEXED,
    RAW,
    HijackedResponse,
    HijackedStream,
    media_type,
    takeover,
)

__all__ = [
    "MULTIPLEXED",
    "RAW",
    "HijackedResponse",
    "HijackedStream",
    "Stream",
    "StreamRunner",
    "frame",
    "media_type",
    "run_attached",
    "run_detached",
    "takeover",
    "while_listening",
]
