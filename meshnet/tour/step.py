"""A step of the tour and the checks on what it printed. Pure: whoever runs the steps hands in the output."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

Check = Callable[[str], str]
"""Given a step's output, what is wrong with it: a sentence, or nothing."""


@dataclass(frozen=True, slots=True)
class Step:
    """One command of the article.

    ``commands`` are typed one after another at ``node``, in the shell that ``shell`` opens there if it isn't empty (the
    article goes into ``ingress_sbox`` with ``nsenter`` and types on). ``story`` says why, in the article's place.
    ``{address:NODE}`` and ``{sandbox:SERVICE.SLOT}`` stand for what differs from lab to lab.
    """

    story: str
    node: str
    commands: tuple[str, ...]
    checks: tuple[Check, ...]
    shell: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a step printed and what its checks found wrong."""

    step: Step
    output: str
    problems: tuple[str, ...]


def judge(step: Step, output: str) -> Answer:
    """Apply a step's checks to its output."""
    found = (check(output) for check in step.checks)
    return Answer(step, output, tuple(problem for problem in found if problem))


def shows(pattern: str, what: str) -> Check:
    """The output has a line (blanks folded) that ``pattern`` matches somewhere; ``what`` says what that line is."""
    compiled = re.compile(pattern)

    def check(output: str) -> str:
        lines = (" ".join(line.split()) for line in output.splitlines())
        return "" if any(compiled.search(line) for line in lines) else f"expected {what}: no line has {pattern!r}"

    return check


def differs(count: int, what: str) -> Check:
    """The output's lines are of exactly ``count`` kinds."""

    def check(output: str) -> str:
        kinds = sorted(set(output.split("\n")) - {""})
        return "" if len(kinds) == count else f"expected {count} {what}, found {len(kinds)}: {', '.join(kinds)}"

    return check


def alternates(what: str) -> Check:
    """Each line differs from the one before it, and equals the one before that."""

    def check(output: str) -> str:
        lines = [line for line in output.splitlines() if line]
        pairs = list(pairwise(lines))
        turns = all(one != other for one, other in pairs) and all(
            one == other for one, other in zip(lines, lines[2:], strict=False)
        )
        return "" if len(lines) > 1 and turns else f"expected {what} in turn, found {', '.join(lines) or 'nothing'}"

    return check
