"""Netfilter's hooks."""

from __future__ import annotations

from enum import Enum


class Hook(Enum):
    """Where a packet meets its namespace's tables; the values are the kernel's numbers."""

    PREROUTING = 0
    INPUT = 1
    FORWARD = 2
    OUTPUT = 3
    POSTROUTING = 4
