"""A YAML file as plain values that know the line each of them stands on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from meshnet.errors import InputError

Place = tuple[str | int, ...]
"""A value's place in a file: keys of mappings and indices of lists, from the outermost in."""

_STANDARD = "tag:yaml.org,2002:"
_MERGE = _STANDARD + "merge"
_SPECIAL = {_STANDARD + kind for kind in ("int", "float", "bool", "null")}
"""Scalars that are not text. (A date is text here: no key of ours wants one.)"""


class WrittenInt(int):
    """A whole number that remembers how it was written."""

    written: str


class WrittenFloat(float):
    """A number that remembers how it was written: an engine of 20.10 is not one of 20.1."""

    written: str


@dataclass(frozen=True, slots=True)
class Document:
    """A file's values: mappings with text keys, lists, text, numbers, true, false and None."""

    path: Path
    data: Any
    lines: Mapping[Place, int]

    def where(self, place: Place = ()) -> str:
        """``stack.yaml:12``: the line of a place, or of the nearest one that holds it."""
        for end in range(len(place), -1, -1):
            if place[:end] in self.lines:
                return f"{self.path}:{self.lines[place[:end]]}"
        return str(self.path)

    def error(self, place: Place, problem: str) -> InputError:
        """The error to raise for a place: ``stack.yaml:12: services.web.image: <problem>``."""
        return InputError(f"{dotted(place)}: {problem}" if place else problem, where=self.where(place))


def dotted(place: Place) -> str:
    """A place as people write it: ``services.web.ports[0]``."""
    text = ""
    for part in place:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def read(path: Path, substitute: Callable[[str, str], str] | None = None) -> Document:
    """Read a YAML file of one document whose outermost value is a mapping; an empty file is an empty one.

    ``substitute`` is called with each text value and where it stands, and gives what is taken for it. Raises
    ``InputError``, with the line where there is one.
    """
    reader = _Reader(path, substitute)
    try:
        root = reader.yaml.compose(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError("there is no such file", where=str(path)) from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"this cannot be read: {error}", where=str(path)) from error
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark else ""
        raise InputError(f"this is no YAML: {error.problem or error.context}", where=f"{path}{line}") from error
    except YAMLError as error:
        raise InputError(f"this is no YAML: {error}", where=str(path)) from error
    if root is None:
        return Document(path, {}, {})
    if not isinstance(root, MappingNode):
        raise InputError("a mapping of keys to values is wanted at the outermost level", where=f"{path}:1")
    return Document(path, reader.value(root, ()), reader.lines)


class _Reader:
    """Turns composed nodes into values, and notes the line of each place."""

    def __init__(self, path: Path, substitute: Callable[[str, str], str] | None) -> None:
        self.yaml = YAML(typ="safe", pure=True)
        self.lines: dict[Place, int] = {}
        self._path = path
        self._substitute = substitute
        self._open: list[Node] = []

    def value(self, node: Node, place: Place) -> Any:
        self.lines.setdefault(place, node.start_mark.line + 1)
        if node in self._open:
            raise self._error(node, "an anchor cannot hold itself")
        self._open.append(node)
        try:
            return self._of(node, place)
        finally:
            self._open.pop()

    def _of(self, node: Node, place: Place) -> Any:
        if not str(node.tag).startswith(_STANDARD):
            raise self._error(node, f"the tag {node.tag} is not known here")
        if isinstance(node, MappingNode):
            return self._mapping(node, place)
        if isinstance(node, SequenceNode):
            return [self.value(item, (*place, index)) for index, item in enumerate(node.value)]
        assert isinstance(node, ScalarNode)
        return self._scalar(node)

    def _mapping(self, node: MappingNode, place: Place) -> dict[str, Any]:
        """Keys are text as written. What ``<<`` brings in stands behind what is written here."""
        values: dict[str, Any] = {}
        merged: list[tuple[Node, Node]] = []
        first: dict[str, int] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if key_node.tag == _MERGE:
                merged.append((key_node, value_node))
                continue
            if not isinstance(key_node, ScalarNode):
                raise self._error(key_node, "a key is text, not a mapping or a list")
            key = str(key_node.value)
            if key in first:
                raise self._error(key_node, f"{dotted((*place, key))}: given twice, first on line {first[key]}")
            first[key] = line
            self.lines.setdefault((*place, key), line)
            values[key] = self.value(value_node, (*place, key))
        for key_node, value_node in merged:
            for key, value in self._merged(key_node, value_node, place).items():
                values.setdefault(key, value)
        return values

    def _merged(self, key_node: Node, value_node: Node, place: Place) -> dict[str, Any]:
        nodes = value_node.value if isinstance(value_node, SequenceNode) else [value_node]
        values: dict[str, Any] = {}
        for node in nodes:
            if not isinstance(node, MappingNode):
                raise self._error(key_node, "<< takes a mapping or a list of them")
            for key, value in self.value(node, place).items():
                values.setdefault(key, value)
        return values

    def _scalar(self, node: ScalarNode) -> Any:
        if node.tag not in _SPECIAL:
            text = str(node.value)
            return self._substitute(text, f"{self._path}:{node.start_mark.line + 1}") if self._substitute else text
        value = self.yaml.constructor.construct_object(node)
        if isinstance(value, bool) or value is None:
            return value
        number = WrittenInt(value) if isinstance(value, int) else WrittenFloat(value)
        number.written = str(node.value)
        return number

    def _error(self, node: Node, problem: str) -> InputError:
        return InputError(problem, where=f"{self._path}:{node.start_mark.line + 1}")
