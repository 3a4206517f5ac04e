"""What people found out of order at the docker command line."""

from __future__ import annotations

import pytest

from tests.lab.docker.terminal import MANAGER, Docker

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("docker-containers")]

WHOAMI = "cc9f97cc5056"


def test_a_container_is_entered_by_its_process_id(docker: Docker) -> None:
    pid = docker(f"inspect -f '{{{{.State.Pid}}}}' {WHOAMI}")
    addresses = docker.lab.run(MANAGER, f"nsenter -t {pid} -n ip -4 addr").check().text
    assert "10.0.2.7/24" in addresses
    assert pid in docker(f"top {WHOAMI}")
    assert "jwilder/whoami" in docker(f"top {WHOAMI}")
    assert docker(f"inspect -f '{{{{.State.Pid}}}}' {WHOAMI}") == pid


def test_a_network_that_is_not_there_is_not_taken_for_a_missing_image(docker: Docker) -> None:
    said = docker.refused("run --name t-lost --network nosuch busybox:1.28.3 true", status=125)
    assert "network nosuch not found" in said
    assert "Unable to find image" not in said
    assert docker("ps -a --filter name=t-lost --format '{{.Status}}'") == "Created"
    docker("rm t-lost")
