"""Capturing and sending in the kernel that labs run in where the machine's own lacks something."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests.lab.labs import running

pytestmark = pytest.mark.lab


def test_the_tests_of_capturing_and_sending_pass_there() -> None:
    here = Path(__file__)
    files = f"{here.with_name('test_capture.py')} {here.parents[1] / 'test_inject.py'}"
    command = f"cd {here.parents[3]} && {sys.executable} -m pytest -q -p no:cacheprovider -k 'not no_time' {files}"
    with running(kernel="uml") as lab:
        done = lab.run("swarm-manager", command)
    assert done.status == 0, done.text
    assert re.search(r"\b[1-9]\d* passed, 1 deselected in", done.text), done.text
