"""What pydantic found, as a sentence that says what is wanted and what is there."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from meshnet.compose.document import Document, Place
from meshnet.errors import InputError

Model = TypeVar("Model", bound=BaseModel)

_WANTED = {
    "bool": "true or false is wanted",
    "bool_parsing": "true or false is wanted",
    "bool_type": "true or false is wanted",
    "dict_type": "a mapping of keys to values is wanted",
    "int_from_float": "a whole number is wanted",
    "int_parsing": "a whole number is wanted",
    "int_type": "a whole number is wanted",
    "list_type": "a list is wanted",
    "missing": "this key is missing",
    "model_attributes_type": "a mapping of keys to values is wanted",
    "model_type": "a mapping of keys to values is wanted",
    "string_type": "text is wanted",
}
"""By pydantic's own name of the error."""

_NO_VALUE = ("missing",)


def validated(model: type[Model], document: Document, data: Any, place: Place = ()) -> Model:
    """``data``, which stands at ``place``, as a ``model``. Raises ``InputError`` for what comes first in the file."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise _first(error, document, place, model) from error


def _first(error: ValidationError, document: Document, place: Place, model: type[BaseModel]) -> InputError:
    found = [(_place(details, place), details) for details in error.errors(include_url=False)]
    found.sort(key=lambda pair: _line(document, pair[0]))
    where, details = found[0]
    return document.error(where, sentence(details, model))


def sentence(details: ErrorDetails, model: type[BaseModel] | None = None) -> str:
    """One error in words, without its place."""
    kind, given = details["type"], details["input"]
    context = details.get("ctx", {})
    if kind == "extra_forbidden":
        key = str(details["loc"][-1])
        near = get_close_matches(key, _keys(model, details["loc"][:-1]), n=1)
        return "unknown key" + (f"; did you mean {near[0]!r}?" if near else "")
    if kind == "value_error":
        return str(context["error"])
    if kind in ("literal_error", "enum"):
        return f"{context['expected']} is wanted, not {_shown(given)}".replace("'", "")
    if kind in ("greater_than_equal", "less_than_equal"):
        bound = f"at least {context['ge']}" if "ge" in context else f"at most {context['le']}"
        return f"a number of {bound} is wanted, not {_shown(given)}"
    wanted = _WANTED.get(kind, details["msg"])
    return wanted if kind in _NO_VALUE else f"{wanted}, not {_shown(given)}"


def _place(details: ErrorDetails, place: Place) -> Place:
    """Without pydantic's mark for an error in a key itself."""
    return (*place, *(part for part in details["loc"] if part != "[key]"))


def _line(document: Document, place: Place) -> int:
    for end in range(len(place), -1, -1):
        if place[:end] in document.lines:
            return document.lines[place[:end]]
    return 0


def _shown(value: object) -> str:
    written = getattr(value, "written", None)
    if written is not None:
        return str(written)
    if value is None:
        return "nothing"
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    return str(value).lower() if isinstance(value, bool) else repr(value)


def _keys(model: type[BaseModel] | None, place: Place) -> list[str]:
    """The keys of the model that an error's place leads to."""
    for part in place:
        if model is None:
            return []
        field = model.model_fields.get(str(part))
        if field is not None:
            model = _model_in(field.annotation)
    return list(model.model_fields) if model else []


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model inside ``X``, ``X | None`` or ``dict[str, X]``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        found = _model_in(inner)
        if found is not None:
            return found
    return None
