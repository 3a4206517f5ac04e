"""What is sent to a lab may be long, whatever it comes through."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab.labs import RunningLab, running

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def lab() -> Iterator[RunningLab]:
    with running(kernel="uml") as lab:
        yield lab


@pytest.mark.parametrize("size", [3_000, 5_000, 1_000_000])
def test_a_lab_still_hears_after_a_long_request(lab: RunningLab, size: int) -> None:
    lab.client.call("status", padding="x" * size)
    assert lab.status["nodes"]


def test_a_lab_still_hears_after_a_programs_long_input(lab: RunningLab) -> None:
    data = b"x" * 1_000_000
    assert lab.run("client", "wc -c", stdin=data).check().text.strip() == str(len(data))
    assert lab.status["nodes"]
