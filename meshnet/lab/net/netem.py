"""Netem's request: the one netlink message here that is put together by hand.

pyroute2 has it too, among those of every other queueing discipline, and they take 0.1 s to import in user-mode Linux.
"""

from __future__ import annotations

import struct

from meshnet.kernel.netlink import CREATE, REPLACE, REQUEST
from topo.shape import Shape

_ROOT = 0xFFFFFFFF

_NEWQDISC = 36
_HEADER_SIZE = 16
_TCA_KIND = 1
_TCA_OPTIONS = 2
_TCA_NETEM_RATE = 6

_NANOSECONDS_A_TICK = 64
"""The packet scheduler's clock: ``PSCHED_SHIFT`` is 6 in every Linux since 2.6.31."""

_ALWAYS = 0xFFFFFFFF
"""A probability of 1."""


def replace_root(index: int, shape: Shape) -> bytes:
    """The message that makes netem, shaped so, the queueing discipline of the interface ``index``."""
    tcmsg = struct.pack("=BxxxiIII", 0, index, 0, _ROOT, 0)
    options = struct.pack(
        "=6I",
        _ticks(shape.delay),
        shape.queue,
        round(_ALWAYS * shape.loss / 100),
        0,  # gap, of reordering
        0,  # probability of a duplicate
        _ticks(shape.jitter),
    )
    if shape.rate is not None:
        options += _attribute(_TCA_NETEM_RATE, struct.pack("=IiIi", _bytes_a_second(shape.rate), 0, 0, 0))
    body = tcmsg + _attribute(_TCA_KIND, b"netem\0") + _attribute(_TCA_OPTIONS, options)
    return struct.pack("=IHHII", _HEADER_SIZE + len(body), _NEWQDISC, REQUEST | CREATE | REPLACE, 0, 0) + body


def _bytes_a_second(bits: int) -> int:
    return min(max(1, bits // 8), 0xFFFFFFFF)


def _ticks(microseconds: int) -> int:
    return microseconds * 1000 // _NANOSECONDS_A_TICK


def _attribute(kind: int, value: bytes) -> bytes:
    padding = -len(value) % 4
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(padding)
