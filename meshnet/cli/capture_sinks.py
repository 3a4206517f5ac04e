"""Where a capture goes: to a file or a pipe as pcapng, or in lines for people or programs."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from meshnet.cli.frame_line import frame_line, summary
from meshnet.errors import InputError
from meshnet.trace.pcapng import Reader, blocks
from meshnet.trace.seen import Sighting


class Sink(Protocol):
    def take(self, data: bytes) -> None:
        """The next piece of pcapng. Raises ``BrokenPipeError`` when nobody reads any more."""


class Blocks:
    """Writes pcapng to a descriptor, whole blocks at a time: what is there can be read at any moment."""

    def __init__(self, fd: int, name: str) -> None:
        self._fd, self._name = fd, name
        self._rest = bytearray()

    @classmethod
    def to_file(cls, path: Path) -> Blocks:
        """Raises ``InputError`` where there can be no such file."""
        try:
            return cls(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644), str(path))
        except OSError as error:
            raise InputError(f"expected a file to write to, found {path}: {error.strerror}", where="-w") from error

    def take(self, data: bytes) -> None:
        self._rest += data
        whole = memoryview(b"".join(blocks.split(self._rest)))
        written = 0
        try:
            while written < len(whole):
                written += os.write(self._fd, whole[written:])
        except BrokenPipeError:
            raise
        except OSError as error:
            self._cut_off(written)
            raise InputError(f"expected room for the capture, found {self._name}: {error.strerror}") from error

    def _cut_off(self, count: int) -> None:
        """Take back what was written of the last piece."""
        end = os.lseek(self._fd, 0, os.SEEK_CUR)
        os.ftruncate(self._fd, end - count)


class Lines:
    """Writes each frame as the line that ``form`` makes of it."""

    def __init__(self, form: Callable[[Sighting], str], fd: int) -> None:
        self._form, self._fd = form, fd
        self._reader = Reader()

    @classmethod
    def for_people(cls, fd: int) -> Lines:
        return cls(frame_line, fd)

    @classmethod
    def for_programs(cls, fd: int) -> Lines:
        return cls(_as_json, fd)

    def take(self, data: bytes) -> None:
        text = "".join(f"{self._form(seen)}\n" for seen in self._reader.feed(data)).encode()
        while text:
            text = text[os.write(self._fd, text) :]


def _as_json(seen: Sighting) -> str:
    return json.dumps(
        {
            "time_ns": seen.time,
            "node": seen.at.node,
            "namespace": seen.at.file,
            "interface": seen.interface,
            "direction": "out" if seen.direction.out else "in",
            "summary": summary(seen.data),
            "length": seen.length,
            "data": seen.data.hex(),
        }
    )
