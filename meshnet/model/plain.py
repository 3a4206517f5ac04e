"""Values of the model's classes to plain ones, as ``json`` takes them, and back by what the classes say of their
fields: addresses as text, bytes as hexadecimal digits, keys as strings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

Reader = Callable[[Any], Any]

_ADDRESSES = (IPv4Address, IPv4Interface, IPv4Network)


def to_plain(value: Any) -> Any:
    """A dataclass as a mapping from its fields' names, whatever they hold plain as well."""
    if is_dataclass(value):
        return {field.name: to_plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, _ADDRESSES):
        return str(value)
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Mapping):
        return {str(key): to_plain(each) for key, each in value.items()}
    if isinstance(value, tuple | list):
        return [to_plain(each) for each in value]
    return value


def from_plain(hint: Any, value: Any) -> Any:
    """The inverse of ``to_plain`` for a value of the type ``hint``. Fields that are missing have their defaults."""
    return _reader(hint)(value)


@cache
def _reader(hint: Any) -> Reader:
    """What makes a value of a field's type of its plain form."""
    if is_dataclass(hint):
        return _dataclass_reader(hint)
    if hint is bytes:
        return bytes.fromhex
    if isinstance(hint, type) and issubclass(hint, (Enum, *_ADDRESSES)):
        return hint
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is tuple:
        return _tuple_reader(_reader(arguments[0]))
    if origin is Mapping:
        return _mapping_reader(arguments[0], _reader(arguments[1]))
    if origin in (Union, UnionType) and type(None) in arguments:
        return _optional_reader(_reader(next(each for each in arguments if each is not type(None))))
    return lambda value: value


def _dataclass_reader(made: Any) -> Reader:
    readers = {name: _reader(hint) for name, hint in get_type_hints(made).items()}
    return lambda value: made(**{name: readers[name](each) for name, each in value.items()})


def _tuple_reader(read: Reader) -> Reader:
    return lambda value: tuple(read(each) for each in value)


def _mapping_reader(key: Any, read: Reader) -> Reader:
    made = key if key is int else str
    return lambda value: {made(name): read(each) for name, each in value.items()}


def _optional_reader(read: Reader) -> Reader:
    return lambda value: None if value is None else read(value)
