"""From a folder and options to a lab."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from meshnet.compose.document import Document, read
from meshnet.compose.load import Located, load_located
from meshnet.compose.problems import validated
from meshnet.errors import InputError
from meshnet.lab.workloads.catalogue import Catalogue
from meshnet.labfolder import story
from meshnet.labfolder.folder import LAB_FILE, Folder, find
from meshnet.labfolder.nodes import check_bridges, machines_of
from meshnet.labfolder.overrides import OPTION_NO_SWARM, OPTION_STACK, OPTION_STACK_NAME, OPTION_TOPOLOGY, Overrides
from meshnet.labfolder.rehearsal import Rehearsal
from meshnet.labfolder.schema import LabFile
from meshnet.labfolder.topology import Layout, lay_out, parse
from meshnet.model import Stack
from meshnet.model.image import CatalogueEntry
from meshnet.model.lab import LabSpec

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")


def load_lab(folder: Path | None = None, overrides: Overrides | None = None) -> LabSpec:
    """The lab in ``folder`` (None: the article's), with what ``overrides`` says over it.

    It is rehearsed on paper, so whatever would keep it from being built is an ``InputError`` here. A topology's own
    code is imported; nothing is started and nothing written.
    """
    overrides = overrides or Overrides()
    files = find(folder)
    document = read(files.lab) if files.lab else Document(files.path / LAB_FILE, {}, {})
    file = validated(LabFile, document, document.data)
    where = OPTION_TOPOLOGY if overrides.topology is not None else document.where(("topology",))
    layout = _layout(file, overrides, where)
    images = _images(file, document)
    forms_swarm = file.swarm and not overrides.no_swarm
    located = _located(files, overrides, images) if forms_swarm else _undeployed(overrides, document)
    machines, warnings = machines_of(file, document, layout, overrides)
    name = _name(file, document, files)
    bare = LabSpec(
        name=name,
        topology=layout.name,
        parameters=layout.parameters,
        machines=machines,
        hosts=layout.hosts,
        underlay=layout.subnets,
        seed=overrides.seed or file.seed or name,
        needs_netem=layout.needs_netem,
        forms_swarm=forms_swarm,
        stack=located.stack,
        images=images,
    )
    rehearsal = Rehearsal(where, located)
    if not forms_swarm:
        check_bridges(file, document, rehearsal.networks(bare))
        return replace(bare, warnings=(*warnings, *_left_aside(files)))
    source = story.Source(file, document, overrides)
    settled, moved = story.settle(bare, source)
    networks = rehearsal.networks(settled)
    check_bridges(file, document, networks)
    spec, left_out = story.tell(settled, source, networks)
    waiting = rehearsal.play(spec)
    return replace(spec, warnings=(*warnings, *moved, *left_out, *located.stack.warnings, *waiting))


def _name(file: LabFile, document: Document, files: Folder) -> str:
    """The lab's name, or the folder's."""
    name = file.name or files.path.resolve().name
    if not _NAME.fullmatch(name):
        raise document.error(
            ("name",), f"a lab's name is made of up to 63 letters, digits and inner - _ . and {name!r} is not"
        )
    return name


def _layout(file: LabFile, overrides: Overrides, where: str) -> Layout:
    name, parameters = parse(file.topology if overrides.topology is None else overrides.topology, where=where)
    if file.underlay is not None:
        parameters.setdefault("subnet", str(file.underlay))
    return lay_out(name, parameters, where=where)


def _images(file: LabFile, document: Document) -> tuple[CatalogueEntry, ...]:
    """The lab's own images."""
    found = []
    for name, image in file.images.items():
        try:
            found.append(CatalogueEntry(name, **{**image.model_dump(), "command": tuple(image.command)}))
        except InputError as error:
            raise document.error(("images", name), str(error)) from error
    return tuple(found)


def _undeployed(overrides: Overrides, document: Document) -> Located:
    """No stack: there is no swarm to deploy one to. Raises ``InputError`` where the command line asks for one."""
    if overrides.stacks:
        reason = OPTION_NO_SWARM if overrides.no_swarm else document.where(("swarm",))
        raise InputError(f"a stack is deployed to a swarm, and {reason} asks for none", where=OPTION_STACK)
    return Located(Stack(), {}, {}, {})


def _left_aside(files: Folder) -> Iterator[str]:
    if files.stack is not None:
        yield f"{files.stack} is not deployed: the machines form no swarm until you make one (docker swarm init)"


def _located(files: Folder, overrides: Overrides, images: tuple[CatalogueEntry, ...]) -> Located:
    """The stack, with images that the catalogue knows and networks that the lab makes."""
    paths = overrides.stacks or ((files.stack,) if files.stack else ())
    if not paths:
        return Located(Stack(), {}, {}, {})
    if overrides.stack_name and not overrides.stacks:
        raise InputError("it names a stack of your own: give its file with --stack", where=OPTION_STACK_NAME)
    located = load_located(paths, name=overrides.stack_name)
    catalogue = Catalogue(images)
    for service in located.stack.services:
        catalogue.check(service.image, where=located.images[service.name])
    for network in located.stack.networks:
        if network.external:
            raise InputError(
                f"the network {network.name} is external, and a new lab has none to find; without that key it is made",
                where=located.networks[network.name],
            )
    return located
