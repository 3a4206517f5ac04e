"""Which ``docker`` the nodes of a lab have: a client only, for the engine that each node plays."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from meshnet.errors import InputError
from meshnet.kernel.boot.needs import path_with_admin_folders

CHOICE = "MESHNET_DOCKER"
"""The environment variable that names another client."""

UNPACKED = Path(__file__).parents[2] / ".tools" / "docker"
"""Where ``scripts/docker-client`` of a checkout unpacks one, in a folder a version."""

_KEPT = "DOCKER_API_VERSION"


def find_docker(environment: Mapping[str, str]) -> Path | None:
    """The client that ``MESHNET_DOCKER`` names, else the first in PATH, else an unpacked one; None where none is.
    ``InputError`` when what is named can't be run."""
    named = environment.get(CHOICE)
    if named:
        found = shutil.which(Path(named).absolute())
        if found is None:
            raise InputError(f"{CHOICE}={named}: not a file that can be run")
        return Path(found)
    return next(iter([*_in_path(environment), *unpacked()]), None)


def unpacked() -> list[Path]:
    """The clients that ``scripts/docker-client`` has unpacked."""
    return sorted(file for file in UNPACKED.glob("*/docker") if os.access(file, os.X_OK))


def _in_path(environment: Mapping[str, str]) -> list[Path]:
    folders = path_with_admin_folders(environment.get("PATH", os.defpath)).split(os.pathsep)
    files = [Path(folder, "docker").resolve() for folder in folders if Path(folder).is_absolute()]
    return [file for file in files if os.access(file, os.X_OK) and _is_a_program(file)]


def _is_a_program(file: Path) -> bool:
    """Neither podman's script of that name, nor snap's, which runs nowhere but beside its daemon."""
    with file.open("rb") as start:
        return file.name != "snap" and start.read(4) == b"\x7fELF"


def without_users_docker(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without what it says of the user's own engine, so that ``docker`` goes to the node's socket.
    ``DOCKER_API_VERSION`` stays: it is about the client."""
    return {name: value for name, value in environment.items() if name == _KEPT or not name.startswith("DOCKER_")}
