"""Finding an object by what people call it: its whole id, its name, or the beginning of its id that is its alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from meshnet.engine_api.answers import HttpError

Found = TypeVar("Found")


def find(
    objects: Iterable[Found], asked: str, *, id_of: Callable[[Found], str], name_of: Callable[[Found], str], kind: str
) -> Found:
    """Raises ``HttpError`` 404 where there is none, and 400 where several begin so."""
    every = list(objects)
    for exactly in (id_of, name_of):
        for each in every:
            if exactly(each) == asked:
                return each
    begin = [each for each in every if asked and id_of(each).startswith(asked)]
    if len(begin) > 1:
        raise HttpError(
            400, f"rpc error: code = InvalidArgument desc = {kind} {asked} is ambiguous ({len(begin)} found)"
        )
    if not begin:
        raise HttpError(404, f"{kind} {asked} not found")
    return begin[0]
