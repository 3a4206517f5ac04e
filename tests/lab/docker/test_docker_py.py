"""docker-py on a manager, without DOCKER_HOST: what programs do."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.lab.docker.terminal import MANAGER
from tests.lab.labs import RunningLab

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("docker-nodes")]

SESSION = Path(__file__).with_name("sdk_session.py")


def test_a_program_of_docker_pys_calls_holds(lab: RunningLab) -> None:
    done = lab.run(MANAGER, f"{sys.executable} {SESSION}")
    assert done.status == 0, done.text + done.stderr.decode()
    assert len(done.text.splitlines()) >= 50
