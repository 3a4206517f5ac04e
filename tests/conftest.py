"""What every test run says first, and which tests make up which of its stages.

Tests that need a kernel say so by the mark ``lab``. Of the others, those that take their time are ``thorough``: what
draws its cases or lies in ``THOROUGH`` is marked here, and the few elsewhere that start a program or wait say it
themselves. The rest are the unit tests. scripts/test runs all three stages.
"""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import pytest

from meshnet.errors import MachineError
from meshnet.lab.deadlines import ANSWER, scaled
from tests.mesh.golden import refused

HERE = Path(__file__).parent

# What scripts/unit-tests asks for.
UNIT = "not lab and not thorough"

# Where no unit tests are: programs are started or run whole, sockets asked, cases drawn, long stories told.
THOROUGH = (
    *("scripts", "cli", "docs", "lab/control", "engine_api", "pytest_plugin", "*_properties.py"),
    *("orchestrator/test_updating.py", "orchestrator/test_restart.py", "predict/test_diagnosis.py"),
)


@cache
def is_thorough(path: Path) -> bool:
    """Whether all root-free tests of a file or folder are."""
    inside = path.relative_to(HERE)
    return any(fnmatch(str(each), pattern) for each in (inside, *inside.parents) for pattern in THOROUGH)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--refresh-golden", action="store_true", help="write tests/golden anew where it differs, and fail; not in CI"
    )


def pytest_configure(config: pytest.Config) -> None:
    if why := refused(config.getoption("--refresh-golden"), os.environ):
        raise pytest.UsageError(why)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Spare the unit tests, of whose time half is imports, those of files that have none."""
    return True if config.option.markexpr == UNIT and is_thorough(collection_path) else None


def pytest_sessionstart() -> None:
    gc.disable()  # since what collection makes stays


def pytest_collection_finish(session: pytest.Session) -> None:
    gc.freeze()
    if session.config.option.markexpr != UNIT:  # unit tests are over before there is much to collect
        gc.enable()


def pytest_itemcollected(item: pytest.Item) -> None:
    drawn = getattr(getattr(item, "function", None), "is_hypothesis_test", False)
    if item.get_closest_marker("lab") is None and (drawn or is_thorough(item.path)):
        item.add_marker("thorough")


def pytest_report_header(config: pytest.Config) -> str | None:
    """Name the kernel that labs run on, where any may be started."""
    if config.option.markexpr in (UNIT, "thorough"):
        return None
    from meshnet.kernel.boot.choose import choose_kernel

    try:
        choice = choose_kernel("auto")
    except MachineError as error:
        return f"kernel: none, since {error}"
    return f"kernel: {choice.kind}, {choice.reason}"


@pytest.fixture
def eventually() -> Callable[[Callable[[], bool]], None]:
    """Wait until a condition holds; fails when it hasn't within the usual patience."""

    def wait(condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + scaled(ANSWER)
        while not condition():
            assert time.monotonic() < deadline, f"{condition} did not come to hold within {scaled(ANSWER):.0f} s"
            time.sleep(0.01)

    return wait
