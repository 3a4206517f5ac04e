"""The docker clients there are to test with: this machine's and the one of the distribution's package."""

from __future__ import annotations

import os
from pathlib import Path

from meshnet.lab.docker_client import find_docker, unpacked


def docker_clients() -> list[Path]:
    """The machine's own, if it has one, then the unpacked ones; ``scripts/docker-client`` sees to there being one."""
    found = find_docker({"PATH": os.environ.get("PATH", os.defpath)})
    return list(dict.fromkeys([*([found] if found else []), *unpacked()]))
