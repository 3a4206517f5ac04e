"""What a test says of a trace: true or not, and in words."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Claim:
    """Stands for itself in an ``assert``: ``bool`` says whether it holds, ``repr`` what was found instead."""

    holds: bool
    found: str

    def __bool__(self) -> bool:
        return self.holds

    def __repr__(self) -> str:
        return f"<{self.found}>"
