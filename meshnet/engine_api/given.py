"""Values that a client gave, read as Go's decoder reads them: keys in any case, null as nothing, and its own words for
a value of another kind.

A model of pydantic's would do as much and more, and take half a second to import in user-mode Linux.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from meshnet.engine_api.answers import HttpError

_KINDS = {
    str: "string",
    int: "number",
    float: "number",
    bool: "bool",
    list: "array",
    dict: "object",
    type(None): "null",
}


class Given:
    """A JSON object from a client. ``path`` is where it stands, for complaints: ``ServiceSpec.TaskTemplate``."""

    def __init__(self, value: Mapping[str, Any], path: str) -> None:
        self._values = {key.lower(): (key, item) for key, item in value.items() if item is not None}
        self._path = path

    def __contains__(self, key: str) -> bool:
        return key.lower() in self._values

    def within(self, key: str) -> Given:
        """The object at ``key``; an empty one where there is none."""
        value = self._get(key, dict, {})
        return Given(value, f"{self._path}.{key}")

    def each(self, key: str) -> Iterator[Given]:
        """The objects in the list at ``key``."""
        for item in self._get(key, list, []):
            if not isinstance(item, dict):
                raise self._wrong(key, item, "an object")
            yield Given(item, f"{self._path}.{key}")

    def objects(self, key: str) -> dict[str, Given]:
        """A mapping of strings to objects, whose own keys are as they are; what is null is an empty one."""
        found = {}
        for name, item in self._get(key, dict, {}).items():
            if item is not None and not isinstance(item, dict):
                raise self._wrong(key, item, "object")
            found[name] = Given(item or {}, f"{self._path}.{key}")
        return found

    def lists(self, key: str) -> dict[str, list[Given]]:
        """A mapping of strings to lists of objects."""
        values = self._get(key, dict, {})
        return {name: list(Given({name: items}, f"{self._path}.{key}").each(name)) for name, items in values.items()}

    def line(self, key: str) -> tuple[str, ...]:
        """A command line: its words, or one alone."""
        _, value = self._values.get(key.lower(), (key, []))
        return (value,) if isinstance(value, str) else self.words(key)

    def has(self, key: str) -> bool:
        """Whether what is at ``key`` says anything."""
        return says(self._values.get(key.lower(), (key, None))[1])

    def text(self, key: str, default: str = "") -> str:
        return str(self._get(key, str, default))

    def flag(self, key: str) -> bool:
        return bool(self._get(key, bool, False))

    def number(self, key: str, default: int = 0, *, least: int = 0) -> int:
        """A whole number. Raises ``HttpError`` for one below ``least``, as Go has it for unsigned ones."""
        value = self._get(key, int, default)
        if isinstance(value, bool) or value < least or value >= 1 << 63:
            raise self._wrong(key, value, "uint64" if least == 0 else "int64")
        return int(value)

    def ratio(self, key: str) -> float:
        value = self._get(key, (int, float), 0.0)
        if isinstance(value, bool):
            raise self._wrong(key, value, "float32")
        return float(value)

    def words(self, key: str) -> tuple[str, ...]:
        """A list of strings."""
        values = self._get(key, list, [])
        for item in values:
            if not isinstance(item, str):
                raise self._wrong(key, item, "string")
        return tuple(values)

    def numbers(self, key: str) -> tuple[int, ...]:
        """A list of whole numbers."""
        values = self._get(key, list, [])
        for item in values:
            if not isinstance(item, int) or isinstance(item, bool):
                raise self._wrong(key, item, "uint")
        return tuple(values)

    def names(self, key: str) -> dict[str, str]:
        """A mapping of strings to strings, whose own keys are as they are."""
        values = self._get(key, dict, {})
        for item in values.values():
            if not isinstance(item, str):
                raise self._wrong(key, item, "string")
        return dict(values)

    def rest(self, known: Collection[str]) -> dict[str, Any]:
        """What is under none of the ``known`` keys and says anything."""
        lower = {key.lower() for key in known}
        return {key: item for folded, (key, item) in self._values.items() if folded not in lower and says(item)}

    def _get(self, key: str, kind: type | tuple[type, ...], default: Any) -> Any:
        _, value = self._values.get(key.lower(), (key, default))
        if not isinstance(value, kind):
            wanted = kind if isinstance(kind, type) else kind[0]
            raise self._wrong(key, value, _KINDS[wanted])
        return value

    def _wrong(self, key: str, value: Any, wanted: str) -> HttpError:
        kind = _KINDS.get(type(value), "value")
        found = f"{kind} {value}" if kind == "number" else kind
        return HttpError(
            400,
            f"invalid JSON: json: cannot unmarshal {found} into Go struct field {self._path}.{key} of type {wanted}",
        )


def says(value: Any) -> bool:
    """Whether a value says anything: nothing that is empty all the way down does, nor zero or false."""
    if isinstance(value, dict):
        return any(says(item) for item in value.values())
    return bool(value)
