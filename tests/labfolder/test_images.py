"""A lab's own images: ``images`` in ``lab.yaml``."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshnet.errors import InputError
from meshnet.labfolder import load_lab
from meshnet.model.image import CatalogueEntry
from meshnet.model.lab import LabSpec

STACK = """version: "3.8"
services:
  echo:
    image: example/echo:2
    ports: ["7000:7000"]
"""


def folder(path: Path, lab: str) -> Path:
    (path / "lab.yaml").write_text(lab)
    (path / "stack.yaml").write_text(STACK)
    return path


def test_an_image_of_the_labs_own_is_known_and_travels(tmp_path: Path) -> None:
    lab = 'images:\n  example/echo:\n    kind: http\n    port: 7000\n    text: "{request}"\n'
    spec = load_lab(folder(tmp_path, lab))
    assert spec.images == (CatalogueEntry("example/echo", "http", 7000, "{request}"),)
    assert LabSpec.from_json(spec.to_json()) == spec


def test_an_image_nobody_described_is_refused_where_it_stands(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"stack\.yaml:4.*no image 'example/echo:2'"):
        load_lab(folder(tmp_path, "seed: x\n"))


def test_an_image_described_wrongly_is_told_with_its_line(tmp_path: Path) -> None:
    lab = "images:\n  example/echo:\n    kind: ftp\n    port: 7000\n"
    with pytest.raises(InputError, match=r"lab\.yaml:2.*kind is one of"):
        load_lab(folder(tmp_path, lab))
