"""One article's lab for all docker clients of a session."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.docker.terminal import Docker
from tests.lab.docker_clients import docker_clients
from tests.lab.labs import RunningLab, running


@pytest.fixture(scope="module")
def lab() -> Iterator[RunningLab]:
    with running() as lab:
        yield lab


@pytest.fixture(params=docker_clients(), ids=lambda client: client.parent.name)
def docker(lab: RunningLab, request: pytest.FixtureRequest) -> Docker:
    client: Path = request.param
    return Docker(lab, client)
