"""Topologies by name: the ones here, and those that other packages offer under ``meshnet.topologies``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mininet.topo import Topo

from meshnet.errors import InputError
from topo import topos

GROUP = "meshnet.topologies"
"""The entry-point group: a name, and a ``mininet.topo.Topo`` subclass or anything that returns one."""


def find(name: str, *, where: str | None = None) -> Callable[..., Topo]:
    """What builds the topology ``name``.

    Raises ``InputError`` that lists the known ones; ``where`` is the place in the user's input it then points at.
    """
    builtin: Callable[..., Topo] | None = topos.get(name)
    if builtin is not None:
        return builtin
    offered = _offered()
    if name not in offered:
        known = ", ".join(sorted({*topos, *offered}))
        raise InputError(
            f"there is no topology {name!r}; known are {known}; a package adds one by the entry-point group {GROUP}",
            where=where,
        )
    return offered[name]()


def build(name: str, parameters: Mapping[str, Any], *, where: str | None = None) -> Topo:
    """The topology ``name`` with those parameters. Raises ``InputError`` at ``where`` for any that are wrong."""
    make = find(name, where=where)
    try:
        return make(**parameters)
    except InputError as error:
        raise InputError(str(error), where=where if error.where is None else None) from error


def parse(text: str, *, where: str | None = None) -> tuple[str, dict[str, Any]]:
    """``NAME,key=value,...`` as ``mn --topo`` writes it; numbers become numbers. Raises ``InputError``."""
    name, *settings = text.split(",")
    parameters: dict[str, Any] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals or not key:
            raise InputError(f"{setting!r} is not key=value, as in swarm,workers=3", where=where)
        parameters[key] = _number(value)
    return name, parameters


def _offered() -> dict[str, Callable[[], Callable[..., Topo]]]:
    from importlib.metadata import entry_points  # 35 ms of import in user-mode Linux, and the built-ins need none of it

    return {entry.name: entry.load for entry in entry_points(group=GROUP)}


def _number(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
