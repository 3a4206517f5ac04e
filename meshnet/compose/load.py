"""From Compose files to a stack."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path

from meshnet.compose import keys
from meshnet.compose.document import Document, read
from meshnet.compose.interpolate import Interpolation
from meshnet.compose.merge import merge
from meshnet.compose.problems import validated
from meshnet.compose.schema import StackFile
from meshnet.compose.stack import Origin, build, full_name, joined_networks
from meshnet.model import NetworkSpec, Stack


@dataclass(frozen=True, slots=True)
class Located:
    """A stack, and the file and line of each of its services, of their images and of its networks, by full name."""

    stack: Stack
    services: Mapping[str, str]
    images: Mapping[str, str]
    networks: Mapping[str, str]


def load_stack(paths: Sequence[Path], variables: Mapping[str, str] | None = None, name: str = "") -> Stack:
    """The stack that ``paths`` describe together; a later file overrides an earlier one.

    ``variables`` are what ``${NAME}`` stands for, by default this process's environment. ``name`` is the stack's, in
    place of one that a file may give it. Raises ``InputError``: one
    sentence with file, line and key. Images are not looked up.
    """
    return load_located(paths, variables, name).stack


def load_located(paths: Sequence[Path], variables: Mapping[str, str] | None = None, name: str = "") -> Located:
    """As ``load_stack``, for one who has more to say about what stands where."""
    variables = os.environ if variables is None else variables
    interpolation = Interpolation(variables)
    files: list[tuple[Document, StackFile]] = []
    warnings: list[str] = []
    for path in paths:
        document = read(path, interpolation.substitute)
        data, passed_over = keys.screen(document)
        warnings += passed_over
        files.append((document, _with_places(validated(StackFile, document, data), document)))
    origin = Origin(tuple(document for document, _ in files), variables)
    file = reduce(merge, (file for _, file in files), StackFile())
    if name:
        file = file.model_copy(update={"name": name})
    stack = build(file, origin)
    warnings += (*interpolation.warnings, *stack.warnings)
    return Located(
        stack=replace(stack, warnings=tuple(warnings)),
        services={full_name(file, key): _where(origin, "services", key) for key in file.services},
        images={full_name(file, key): _where(origin, "services", key, "image") for key in file.services},
        networks={network.name: _where(origin, "networks", key) for key, network in _by_key(file, stack)},
    )


def _where(origin: Origin, *place: str) -> str:
    return origin.where(place) or ""


def _by_key(file: StackFile, stack: Stack) -> Iterator[tuple[str, NetworkSpec]]:
    """The networks of ``stack``, which are made in the order in which services name them."""
    keys = dict.fromkeys(key for service in file.services.values() for key in joined_networks(service))
    return zip(keys, stack.networks, strict=True)


def _with_places(file: StackFile, document: Document) -> StackFile:
    """Let every port know its file and line: two services that ask for the same one may be in two files."""
    for name, service in file.services.items():
        for index, port in enumerate(service.ports):
            port._where = document.where(("services", name, "ports", index))
    return file
