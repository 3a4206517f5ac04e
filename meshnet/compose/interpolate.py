"""Variables in a Compose file: ``$NAME``, ``${NAME}``, ``${NAME:-default}``, ``${NAME:?sentence}``; ``$$`` is a $."""

from __future__ import annotations

import re
from collections.abc import Mapping

from meshnet.errors import InputError

_VARIABLE = re.compile(
    r"""\$(?:
        (?P<escaped>\$)
        | (?P<plain>[A-Za-z_]\w*)
        | \{(?P<braced>[A-Za-z_]\w*)(?:(?P<operator>:?[-?])(?P<rest>[^}]*))?\}
        | (?P<neither>)
    )""",
    re.VERBOSE,
)


class Interpolation:
    """Puts ``variables`` into text. ``warnings`` collects a sentence for each that is not set and has no default."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self.warnings: list[str] = []

    def substitute(self, text: str, where: str) -> str:
        """``text`` with its variables filled in; raises ``InputError`` for a lone ``$`` and for ``:?``."""
        return _VARIABLE.sub(lambda match: self._value(match, text, where), text)

    def _value(self, match: re.Match[str], text: str, where: str) -> str:
        if match["escaped"]:
            return "$"
        name = match["plain"] or match["braced"]
        if not name:
            raise InputError(f"{text!r} has a $ that begins no variable; write $$ for a $ itself", where=where)
        value, operator = self._variables.get(name), match["operator"] or ""
        if value or (value is not None and not operator.startswith(":")):
            return value
        if operator.endswith("-"):
            return match["rest"]
        if operator.endswith("?"):
            raise InputError(f"the variable {name} is wanted: {match['rest'] or 'it is not set'}", where=where)
        self.warnings.append(f"{where}: the variable {name} is not set; it is taken for an empty text")
        return ""
