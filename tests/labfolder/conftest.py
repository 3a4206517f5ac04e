"""Folders of labs, written on the spot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from meshnet.labfolder import Overrides, load_lab
from meshnet.model.lab import LabSpec

Load = Callable[..., LabSpec]

STACK = """\
services:
  web:
    image: nginx
    networks: [demo]
    ports: ["80:80"]
    deploy: {replicas: 2}
networks:
  demo: {ipam: {config: [{subnet: 10.0.2.0/24}]}}
"""


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Load a folder ``mine`` with these texts as its files; None leaves a file out."""
    monkeypatch.chdir(tmp_path)
    folder = Path("mine")
    folder.mkdir()

    def loaded(lab: str | None = None, stack: str | None = STACK, **overrides: object) -> LabSpec:
        for name, text in (("lab.yaml", lab), ("stack.yaml", stack)):
            if text is not None:
                (folder / name).write_text(dedent(text))
        return load_lab(folder, Overrides(**overrides))  # type: ignore[arg-type]

    return loaded
