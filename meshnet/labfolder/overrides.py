"""What the command line says over a folder."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from meshnet.errors import InputError
from meshnet.model import Generation

OPTION_ENGINE = "--engine"
OPTION_NO_SWARM = "--no-swarm"
OPTION_STACK = "--stack"
OPTION_STACK_NAME = "--stack-name"
OPTION_TOPOLOGY = "--topo"


@dataclass(frozen=True, slots=True)
class Overrides:
    """``stacks`` are Compose files in place of the folder's, ``stack_name`` is what theirs is called; ``topology`` is
    ``NAME,key=value,...``; each of ``engines`` is ``GENERATION`` for the lab or ``NODE=GENERATION`` for one node;
    ``no_swarm`` leaves the machines outside any swarm."""

    stacks: tuple[Path, ...] = ()
    topology: str | None = None
    engines: tuple[str, ...] = ()
    seed: str | None = None
    no_swarm: bool = False
    stack_name: str = ""


@dataclass(frozen=True, slots=True)
class Engines:
    """Which engines the command line asks for: ``everywhere``, and on single nodes."""

    everywhere: Generation | None = None
    nodes: dict[str, Generation] = field(default_factory=dict)

    @classmethod
    def parse(cls, texts: tuple[str, ...]) -> Engines:
        """Raises ``InputError`` for a generation nobody knows."""
        everywhere: Generation | None = None
        nodes: dict[str, Generation] = {}
        for text in texts:
            node, equals, generation = text.rpartition("=")
            if not equals:
                everywhere = parse_generation(generation, where=OPTION_ENGINE)
            elif not node:
                raise InputError(f"{text!r} names no node before the =", where=OPTION_ENGINE)
            else:
                nodes[node] = parse_generation(generation, where=OPTION_ENGINE)
        return cls(everywhere, nodes)


def parse_generation(text: str, *, where: str | None = None) -> Generation:
    """``20.10``, or a release of it such as ``20.10.24``. Raises ``InputError`` naming the generations there are."""
    for generation in Generation:
        if text == generation or text.startswith(f"{generation}."):
            return generation
    raise InputError(f"there is no engine {text!r} here; known are {', '.join(Generation)}", where=where)
