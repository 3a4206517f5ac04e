"""Compose files written on the spot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from meshnet.compose import load_stack
from meshnet.model import Stack

Load = Callable[..., Stack]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Load texts as ``stack.yaml``, ``stack2.yaml`` and so on, given to it by these names."""
    monkeypatch.chdir(tmp_path)

    def loaded(*texts: str, **variables: str) -> Stack:
        paths = []
        for number, text in enumerate(texts, 1):
            path = Path(f"stack{'' if number == 1 else number}.yaml")
            path.write_text(dedent(text))
            paths.append(path)
        return load_stack(paths, variables)

    return loaded
