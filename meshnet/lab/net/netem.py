"""Netem's request: the one netlink message here that is put together by hand.

pyroute2 has it too, among those of every other queueing discipline, and they take 0.1 s to import in user-mode Linux.
"""

from __future__ import annotations

import struct

from topo.shape import Shape

TC_H_ROOT = 0xFFFFFFFF

_TCA_KIND = 1
_TCA_OPTIONS = 2
_TCA_NETEM_RATE = 6

_NANOSECONDS_A_TICK = 64
"""The packet scheduler's clock: ``PSCHED_SHIFT`` is 6 in every Linux since 2.6.31."""

_ALWAYS = 0xFFFFFFFF
"""A probability of 1."""


def request(index: int, shape: Shape) -> bytes:
    """What follows the netlink header of RTM_NEWQDISC: netem at the root of the interface ``index``, shaped so."""
    tcmsg = struct.pack("=BxxxiIII", 0, index, 0, TC_H_ROOT, 0)
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
        options += _attribute(_TCA_NETEM_RATE, struct.pack("=IiIi", max(1, shape.rate // 8), 0, 0, 0))
    return tcmsg + _attribute(_TCA_KIND, b"netem\0") + _attribute(_TCA_OPTIONS, options)


def _ticks(microseconds: int) -> int:
    return microseconds * 1000 // _NANOSECONDS_A_TICK


def _attribute(kind: int, value: bytes) -> bytes:
    padding = -len(value) % 4
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(padding)
