"""``LabSpec`` to plain values and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meshnet.model.lab import LabSpec
from meshnet.model.plain import from_plain, to_plain


def lab_to_json(lab: LabSpec) -> dict[str, Any]:
    """As ``to_plain`` has it."""
    plain: dict[str, Any] = to_plain(lab)
    return plain


def lab_from_json(value: Mapping[str, Any]) -> LabSpec:
    """The inverse of ``lab_to_json``."""
    lab: LabSpec = from_plain(LabSpec, value)
    return lab
