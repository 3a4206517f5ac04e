"""Configs and secrets of a Compose file: what they hold, and which services want them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator

from meshnet.compose import values
from meshnet.compose.strict import Strict
from meshnet.errors import InputError
from meshnet.model import StoredFile, StoredKind


class StoredEntry(Strict):
    """An entry of the file's own ``configs`` or ``secrets``."""

    name: str = ""
    file: str | None = None
    content: str | None = None
    environment: str | None = None
    external: bool = False
    labels: values.Pairs = {}

    @model_validator(mode="after")
    def _has_one_source(self) -> StoredEntry:
        told = [source for source in (self.file, self.content, self.environment) if source is not None]
        if len(told) != (0 if self.external else 1):
            raise ValueError("one of file, content, environment and external: true says where it comes from")
        return self

    def data(self, folder: Path, variables: Mapping[str, str]) -> bytes:
        """What it holds; ``folder`` is the Compose file's. Raises ``InputError`` where that isn't to be had."""
        if self.content is not None:
            return self.content.encode()
        if self.environment is not None:
            if self.environment not in variables:
                raise InputError(f"the variable {self.environment} is not set")
            return variables[self.environment].encode()
        path = folder / Path(self.file or "").expanduser()
        try:
            return path.read_bytes()
        except OSError as error:
            raise InputError(f"{path}: {error.strerror}") from error


class StoredUse(Strict):
    """An entry of a service's ``configs`` or ``secrets``."""

    source: str
    target: str = ""
    uid: values.Text = "0"
    gid: values.Text = "0"
    mode: Annotated[int, BeforeValidator(values.octal), Field(ge=0, le=0o7777)] = 0o444


def uses(kind: StoredKind, entries: list[StoredUse], names: Mapping[str, str]) -> Iterator[StoredFile]:
    """As the swarm has them; ``names`` are the full ones. Raises ``InputError`` for one that isn't among them."""
    for entry in entries:
        if entry.source not in names:
            raise InputError(f"{entry.source!r} is not defined under {kind}s")
        yield StoredFile(kind, names[entry.source], entry.target or entry.source, entry.uid, entry.gid, entry.mode)
