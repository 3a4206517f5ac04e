"""Where a lab's files are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import meshnet
from meshnet.errors import InputError

LAB_FILE = "lab.yaml"
STACK_FILE = "stack.yaml"
DEFAULT_EXAMPLE = "article"


@dataclass(frozen=True, slots=True)
class Folder:
    """A lab's folder, and those of the two files that it has."""

    path: Path
    lab: Path | None
    stack: Path | None


def find(folder: Path | None) -> Folder:
    """The folder given, the example of that name, or the article's. Raises ``InputError`` for one with neither file."""
    path = folder if folder is not None and folder.is_dir() else _example(folder)
    lab, stack = path / LAB_FILE, path / STACK_FILE
    if not lab.exists() and not stack.exists():
        raise InputError(f"there is neither a {LAB_FILE} nor a {STACK_FILE} in it", where=str(path))
    return Folder(path, lab if lab.exists() else None, stack if stack.exists() else None)


def examples() -> Path:
    """The folder of examples: the checkout's, or the one that an installed wheel carries."""
    package = Path(meshnet.__file__).parent
    carried = package / "examples"
    return _short(carried if carried.is_dir() else package.parent / "examples")


def _example(name: Path | None) -> Path:
    there = examples()
    if name is None:
        return there / DEFAULT_EXAMPLE
    if len(name.parts) == 1 and (there / name).is_dir():
        return there / name
    known = ", ".join(labs_in(there))
    raise InputError(f"there is no such folder; examples that can be named are {known}", where=str(name))


def labs_in(there: Path) -> list[str]:
    """The names of the folders of labs in a folder, in order."""
    return sorted(path.name for path in there.iterdir() if (path / LAB_FILE).exists() or (path / STACK_FILE).exists())


def _short(path: Path) -> Path:
    """``path`` as seen from here, if it lies below: messages point into it."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
