"""From Compose files to a stack."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import reduce
from pathlib import Path

from meshnet.compose import keys
from meshnet.compose.document import Document, read
from meshnet.compose.interpolate import Interpolation
from meshnet.compose.merge import merge
from meshnet.compose.problems import validated
from meshnet.compose.schema import StackFile
from meshnet.compose.stack import Origin, build
from meshnet.model import Stack


def load_stack(paths: Sequence[Path], variables: Mapping[str, str] | None = None) -> Stack:
    """The stack that ``paths`` describe together; a later file overrides an earlier one.

    ``variables`` are what ``${NAME}`` stands for, by default this process's environment. Raises ``InputError``: one
    sentence with file, line and key. Images are not looked up.
    """
    interpolation = Interpolation(os.environ if variables is None else variables)
    files: list[tuple[Document, StackFile]] = []
    warnings: list[str] = []
    for path in paths:
        document = read(path, interpolation.substitute)
        data, passed_over = keys.screen(document)
        warnings += passed_over
        files.append((document, _with_places(validated(StackFile, document, data), document)))
    origin = Origin(tuple(document for document, _ in files), variables if variables is not None else os.environ)
    stack = build(reduce(merge, (file for _, file in files), StackFile()), origin)
    return Stack(stack.name, stack.networks, stack.services, (*warnings, *interpolation.warnings, *stack.warnings))


def _with_places(file: StackFile, document: Document) -> StackFile:
    """Let every port know its file and line: two services that ask for the same one may be in two files."""
    for name, service in file.services.items():
        for index, port in enumerate(service.ports):
            port._where = document.where(("services", name, "ports", index))
    return file
