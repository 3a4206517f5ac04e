"""Which lab a test asks for by its marker."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

_TEXTS = ("folder", "topo")
_LISTS = ("stack", "engine")


@dataclass(frozen=True, slots=True)
class LabOrder:
    """What ``meshnet lab`` takes as FOLDER, ``--stack``, ``--topo`` and ``--engine``; of nothing the article's lab."""

    folder: Path | None = None
    stack: tuple[Path, ...] = ()
    topo: str | None = None
    engine: tuple[str, ...] = ()


def order_of(marker: pytest.Mark, test: pytest.Item) -> LabOrder:
    """Raises ``CollectError`` with one sentence for what no lab can be asked for by."""
    where = f"{test.path.name}: @pytest.mark.lab on {test.name}"
    known = (*_TEXTS, *_LISTS)
    if marker.args:
        raise pytest.Collector.CollectError(f"{where}: say which is meant, as in lab(stack={marker.args[0]!r})")
    for name, value in marker.kwargs.items():
        if name not in known:
            raise pytest.Collector.CollectError(f"{where}: expected {', '.join(known)}, found {name!r}")
        if not _is_fit(value, several=name in _LISTS):
            raise pytest.Collector.CollectError(f"{where}: expected text for {name}, found {value!r}")
    return _order(marker.kwargs, lambda path: test.path.parent / path)


def _order(given: Mapping[str, Any], located: Callable[[str | Path], Path]) -> LabOrder:
    return LabOrder(
        folder=located(given["folder"]) if "folder" in given else None,
        stack=tuple(located(each) for each in _several(given.get("stack", ()))),
        topo=given.get("topo"),
        engine=tuple(map(str, _several(given.get("engine", ())))),
    )


def _several(value: Any) -> tuple[Any, ...]:
    return (value,) if isinstance(value, str | Path) else tuple(value)


def _is_fit(value: object, *, several: bool) -> bool:
    if several and isinstance(value, list | tuple):
        return all(isinstance(each, str | Path) for each in value)
    return isinstance(value, str | Path)
