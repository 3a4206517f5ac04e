"""Rule hits in the kernel that has IPVS, and so the article's way as well."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests.lab.labs import running

CHOSEN = "in_order or as_it_was or lost or on_the_way"
"""What may depend on the kernel; programs are slow there."""

pytestmark = pytest.mark.lab


def test_the_tests_of_rule_hits_pass_there() -> None:
    here = Path(__file__)
    files = (here.with_name("test_rule_hits.py"), here.with_name("test_article_path.py"))
    command = f"cd {here.parents[3]} && {sys.executable} -m pytest -q -p no:cacheprovider -k '{CHOSEN}' "
    with running(kernel="uml") as lab:
        done = lab.run("swarm-manager", command + " ".join(map(str, files)))
    assert done.status == 0, done.text
    assert re.search(r"\b[1-9]\d* passed, \d+ deselected in", done.text), done.text
