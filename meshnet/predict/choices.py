"""What can't be known beforehand, tried one way after another."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

_Option = TypeVar("_Option")
_Result = TypeVar("_Result")


class Choices:
    """One run's: the first options are picked as ``script`` says, by number, all later ones are their first."""

    def __init__(self, script: Sequence[int]) -> None:
        self._script = script
        self._picked: list[tuple[int, int]] = []

    def pick(self, options: Sequence[_Option]) -> _Option:
        """One of ``options``, of which there is at least one."""
        number = self._script[len(self._picked)] if len(self._picked) < len(self._script) else 0
        self._picked.append((number, len(options)))
        return options[number]

    def next_script(self) -> list[int] | None:
        """For the run after this one; None after the last."""
        picked = list(self._picked)
        while picked:
            number, count = picked.pop()
            if number + 1 < count:
                return [*(before for before, _ in picked), number + 1]
        return None


def every_way(run: Callable[[Choices], _Result]) -> Iterator[_Result]:
    """What ``run`` gives for every combination of what it picks, in the order of the options."""
    script: list[int] | None = []
    while script is not None:
        choices = Choices(script)
        yield run(choices)
        script = choices.next_script()
