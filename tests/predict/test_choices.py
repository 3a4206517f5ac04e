from __future__ import annotations

from meshnet.predict.choices import Choices, every_way


def test_every_combination_is_tried_in_the_order_of_the_options() -> None:
    def run(choices: Choices) -> str:
        first = choices.pick("ab")
        return first + (choices.pick("123") if first == "b" else "") + choices.pick("xy")

    assert list(every_way(run)) == ["ax", "ay", "b1x", "b1y", "b2x", "b2y", "b3x", "b3y"]


def test_without_a_choice_there_is_one_way() -> None:
    assert list(every_way(lambda choices: "only")) == ["only"]
