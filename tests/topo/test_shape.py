"""How a link's slowness is written."""

from __future__ import annotations

import pytest

from meshnet.errors import InputError
from topo.shape import Shape


@pytest.mark.parametrize(
    ("delay", "microseconds"), [("20ms", 20_000), ("1.5s", 1_500_000), ("300us", 300), (5, 5_000), ("0", 0)]
)
def test_delays_are_read_with_their_unit(delay: object, microseconds: int) -> None:
    assert Shape.parse(delay=delay).delay == microseconds


@pytest.mark.parametrize(("rate", "bits"), [(10, 10_000_000), ("500kbit", 500_000), ("1gbit", 10**9), (0.5, 500_000)])
def test_rates_are_read_with_their_unit(rate: object, bits: int) -> None:
    assert Shape.parse(bw=rate).rate == bits


@pytest.mark.parametrize(("loss", "per_cent"), [(1, 1.0), ("2.5%", 2.5), (0, 0.0), (100, 100.0)])
def test_losses_are_per_cent(loss: object, per_cent: float) -> None:
    assert Shape.parse(loss=loss).loss == per_cent


def test_what_is_left_out_is_left_alone() -> None:
    assert not Shape.parse().slows
    assert not Shape.parse(delay="0ms", max_queue_size=50).slows
    assert Shape.parse(loss=0.1).slows


def test_tclinks_words_are_read_back_as_the_same_shape() -> None:
    shape = Shape(delay=20_000, jitter=1_000, loss=0.5, rate=2_000_000, queue=50)
    assert Shape.parse(**shape.stock_parameters) == shape


@pytest.mark.parametrize(
    "wrong",
    [
        {"delay": "-1ms"},
        {"delay": "1 hour"},
        {"delay": "20%"},
        {"delay": "5000s"},
        {"loss": 100.5},
        {"loss": "often"},
        {"bw": 0},
        {"bw": "fast"},
        {"max_queue_size": 0},
    ],
)
def test_nonsense_is_refused_by_its_name(wrong: dict[str, object]) -> None:
    (name,) = wrong
    with pytest.raises(InputError, match=f"^{name} must be"):
        Shape.parse(**wrong)
