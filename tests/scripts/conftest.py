from __future__ import annotations

from pathlib import Path

import pytest

from tests.scripts.fake_machine import FakeMachine, make


@pytest.fixture
def machine(tmp_path: Path) -> FakeMachine:
    return make(tmp_path)
