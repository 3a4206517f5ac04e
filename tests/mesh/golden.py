"""Golden texts: what was once read and found right, and has to stay so.

``pytest --refresh-golden`` writes those anew that differ, and fails for each, so that nobody takes it for a test that
passed: read what ``git diff`` says, and run again without.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pytest

SHOWN = 60
"""Lines of a difference; more help nobody."""


def refused(refresh: bool, environment: Mapping[str, str]) -> str:
    """Why golden texts are not to be written here; empty where they may be."""
    if refresh and environment.get("CI"):
        return "--refresh-golden is for people, who read what changed: it does not go with CI (the variable is set)"
    return ""


@dataclass(frozen=True)
class Golden:
    """The texts in ``folder``, as ``name.txt``, where a name may have folders of its own."""

    folder: Path
    refresh: bool = False

    def check(self, name: str, text: str) -> None:
        """Fail where ``text`` isn't what is written down."""
        file = self.folder / f"{name}.txt"
        written = file.read_text() if file.is_file() else ""
        if text == written:
            return
        if self.refresh:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
            pytest.fail(f"{file} was written anew: read the difference, and run again without --refresh-golden")
        lines = difflib.unified_diff(written.splitlines(), text.splitlines(), "written down", "rendered", lineterm="")
        difference = "\n".join(islice(lines, SHOWN))
        pytest.fail(f"{file} and what is rendered part (--refresh-golden would write it anew):\n{difference}")

    def check_names(self, names: Collection[str]) -> None:
        """Fail where there are texts beside those of ``names``, which nothing is compared with."""
        stale = [file for file in sorted(self.folder.rglob("*.txt")) if self._name(file) not in names]
        if self.refresh:
            for file in stale:
                file.unlink()
        if stale:
            gone = "removed" if self.refresh else "--refresh-golden would remove them"
            pytest.fail(f"golden texts of nothing ({gone}): {', '.join(map(self._name, stale))}")

    def _name(self, file: Path) -> str:
        return str(file.relative_to(self.folder).with_suffix(""))
