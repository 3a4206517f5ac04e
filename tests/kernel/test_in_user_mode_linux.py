"""What the host's kernel may lack is tested in user-mode Linux, which has it: IPVS."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests.lab.labs import running

pytestmark = pytest.mark.lab


def test_the_ipvs_tests_pass_where_there_is_ipvs() -> None:
    here = Path(__file__)
    command = (
        f"cd {here.parents[2]} && {sys.executable} -m pytest -q -p no:cacheprovider {here.with_name('test_ipvs.py')}"
    )
    with running(kernel="uml") as lab:
        done = lab.run("swarm-manager", command)
    assert done.status == 0, done.text
    assert re.search(r"\b[1-9]\d* passed, 1 skipped", done.text), done.text  # the one for a kernel without IPVS
