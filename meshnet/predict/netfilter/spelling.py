"""A rule's words, taken apart: which option of which match says what."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from meshnet.netstate import Rule

_VALUES = {
    **dict.fromkeys(("--ipvs", "--limit-iface-in", "--limit-iface-out", "--syn", "-f", "--notrack", "--random"), 0),
    **dict.fromkeys(("--random-fully", "--persistent", "--save-mark", "--restore-mark"), 0),
    **dict.fromkeys(("--physdev-is-in", "--physdev-is-out", "--physdev-is-bridged"), 0),
    **dict.fromkeys(("--comment", "--log-prefix", "--nflog-prefix"), 1),
    "--tcp-flags": 2,
}
"""How many words an option takes where that can't be seen from them: of others, all up to the next option."""


@dataclass(frozen=True, slots=True)
class Option:
    name: str
    values: tuple[str, ...] = ()
    negated: bool = False

    @property
    def value(self) -> str:
        return " ".join(self.values)

    def __str__(self) -> str:
        return " ".join((*(["!"] if self.negated else []), self.name, *self.values))


@dataclass(frozen=True, slots=True)
class Match:
    """``module`` is that of ``-m``, empty for what every packet has (``-s``, ``-i``, ``-p``, ...)."""

    module: str
    options: tuple[Option, ...] = ()

    def says(self, name: str) -> bool:
        return any(option.name == name for option in self.options)


@dataclass(frozen=True, slots=True)
class Spelling:
    """``target`` is empty for a rule that only counts; ``goto`` says that it was ``-g``."""

    matches: tuple[Match, ...]
    target: str = ""
    goto: bool = False
    target_options: tuple[Option, ...] = ()


def spell(rule: Rule) -> Spelling:
    matches: list[Match] = []
    module, options = "", list[Option]()
    target = None
    for option in _options(rule.words):
        if option.name not in ("-m", "-j", "-g"):
            options.append(option)
            continue
        matches.append(Match(module, tuple(options)))
        module, options = option.value, []
        if option.name != "-m":
            target = option
    if target is None:
        return Spelling((*matches, Match(module, tuple(options))))
    return Spelling(tuple(matches), target.value, target.name == "-g", tuple(options))


def _options(words: tuple[str, ...]) -> Iterator[Option]:
    place, negated = 0, False
    while place < len(words):
        name = words[place]
        place += 1
        if name == "!":
            negated = True
            continue
        end = place + _VALUES[name] if name in _VALUES else _next_option(words, place)
        yield Option(name, words[place:end], negated)
        place, negated = end, False


def _next_option(words: tuple[str, ...], place: int) -> int:
    while place < len(words) and not words[place].startswith("-") and words[place] != "!":
        place += 1
    return place
