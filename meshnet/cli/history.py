"""The lines typed at the prompt, kept from one lab to the next."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

KEPT = 1000


def _file() -> Path:
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "meshnet" / "history"


def read() -> list[str]:
    try:
        return _file().read_text().splitlines()[-KEPT:]
    except OSError:
        return []


def append(lines: Sequence[str]) -> None:
    """Keep ``lines`` too; a home that can't be written to is no reason to complain."""
    if not lines:
        return
    kept = [*read(), *lines][-KEPT:]
    try:
        _file().parent.mkdir(parents=True, exist_ok=True)
        _file().write_text("\n".join(kept) + "\n")
    except OSError:
        return
