"""What runs inside the guest starts fast: the guest pays dearly for imports."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {"pydantic", "ruamel", "yaml", "typer", "rich", "scapy", "importlib.metadata", "hashlib", "asyncio", "json"}


@pytest.mark.thorough
def test_orchestrator_and_labs_model_import_nothing_heavy() -> None:
    program = "import meshnet.orchestrator, meshnet.model.lab_json, sys; print(*sys.modules)"
    before, after = (
        subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True).stdout.split()
        for text in ("import sys; print(*sys.modules)", program)
    )
    assert not HEAVY & (set(after) - set(before))
