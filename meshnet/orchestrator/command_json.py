"""Commands as plain values, to be asked of a lab in another process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from meshnet.errors import InputError
from meshnet.model.plain import from_plain, to_plain
from meshnet.orchestrator.commands import Command

_CLASSES = {each.__name__: each for each in get_args(Command)}


def command_to_json(command: Command) -> dict[str, Any]:
    """Its fields as ``to_plain`` has them, and the class's name as ``command``."""
    return {"command": type(command).__name__, **to_plain(command)}


def command_from_json(value: Mapping[str, Any]) -> Command:
    """The inverse of ``command_to_json``. Raises ``InputError`` for what is no command."""
    name = value.get("command")
    if name not in _CLASSES:
        raise InputError(f"expected a command of {', '.join(_CLASSES)}, found {name!r}")
    fields = {field: each for field, each in value.items() if field != "command"}
    try:
        command: Command = from_plain(_CLASSES[name], fields)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise InputError(f"expected the fields of {name}, found {fields}: {error}") from error
    return command
