"""What this machine has, as far as a lab cares: looked up once, so that judging it needs no machine."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from meshnet.doctor.tools import tools
from meshnet.errors import InputError, MachineError
from meshnet.kernel.boot import uml
from meshnet.kernel.boot.choose import AUTO, KernelChoice, choose_kernel
from meshnet.kernel.boot.needs import HostFeatures, host_features
from meshnet.lab.docker_client import find_docker

DISTRIBUTION = "swarm-meshnet"

_SBIN = ("/usr/local/sbin", "/usr/sbin", "/sbin")
"""Not in the PATH of Debian's ordinary users, and where half of the tools are."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What was found. A ``str`` that stands in for something else is the sentence saying why that isn't there."""

    python: tuple[int, int, int]
    python_path: str
    root: bool
    architecture: str
    commands: Mapping[str, str]
    """The path of each tool that is there."""
    docker: Path | str
    """The docker client that nodes get."""
    packages: Mapping[str, str] | None
    """The version of each Python package meshnet depends on, empty for a missing one; None if meshnet isn't
    installed for this Python."""
    modules: str | None
    """The release user-mode Linux has its modules for."""
    memory_folder: Path | str
    """Where the memory file of a guest kernel can go."""
    terminal: str
    """Why there are no pseudo-terminals; empty where there are."""
    host: HostFeatures
    auto: KernelChoice | str
    """The kernel a lab gets when none is asked for."""


def look() -> Machine:
    """Look at this machine. The kernel's features are tried in a child process's own namespaces: nothing changes."""
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), *_SBIN))
    found = {tool.command: shutil.which(tool.command, path=path) for tool in tools()}
    features = host_features()
    return Machine(
        python=sys.version_info[:3],
        python_path=sys.executable,
        root=os.geteuid() == 0,
        architecture=platform.machine(),
        commands={command: where for command, where in found.items() if where},
        docker=_docker(),
        packages=_packages(),
        modules=next((each.parent.name for each in sorted(uml.MODULES.glob("*/modules.dep"))), None),
        memory_folder=_memory_folder(),
        terminal=_terminal(),
        host=features,
        auto=_auto(features),
    )


def _docker() -> Path | str:
    try:
        return find_docker(os.environ) or "none in PATH, none unpacked"
    except InputError as error:
        return str(error)


def _packages() -> dict[str, str] | None:
    try:
        wanted = metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        return None
    # What has a marker is for other Pythons or for development.
    names = [found[0] for each in wanted if ";" not in each and (found := re.match(r"[\w.-]+", each))]
    return {name: _version(name) for name in names}


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def _memory_folder() -> Path | str:
    try:
        return uml.memory_folder()
    except MachineError as error:
        return str(error)


def _terminal() -> str:
    try:
        ends = os.openpty()
    except OSError as error:
        return str(error)
    for end in ends:
        os.close(end)
    return ""


def _auto(features: HostFeatures) -> KernelChoice | str:
    try:
        return choose_kernel(AUTO, features=features)
    except MachineError as error:
        return str(error)
