"""What every test run says first."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from meshnet.errors import MachineError
from meshnet.lab.deadlines import ANSWER, scaled


def pytest_report_header(config: pytest.Config) -> str | None:
    """Name the kernel that labs run on, where any may be started."""
    if config.option.markexpr == "not lab":
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
