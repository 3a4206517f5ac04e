"""The commands a lab uses, as ``system-tools.txt`` lists them; ``scripts/setup`` reads the same file."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

LIST = Path(__file__).with_name("system-tools.txt")


class Purpose(StrEnum):
    """What is lost where a requirement isn't met."""

    LAB = "lab"
    """No lab starts."""
    HOST = "host"
    """None starts on the machine's own kernel."""
    UML = "uml"
    """None starts in user-mode Linux."""
    PROMPT = "prompt"
    """Something that people type in a lab, or a topology asks for, isn't there."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A command and the Debian package it comes in."""

    command: str
    package: str
    purpose: Purpose


def tools(text: str | None = None) -> tuple[Tool, ...]:
    """The tools that ``text`` lists, in its order; by default those of ``LIST``."""
    lines = (LIST.read_text() if text is None else text).splitlines()
    rows = (line.split() for line in lines if line and not line.startswith("#"))
    return tuple(Tool(command, package, Purpose(purpose)) for command, package, purpose in rows)
