"""Which docker command a lab's nodes get, and what of the user's own Docker they don't."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from meshnet.errors import InputError
from meshnet.lab import docker_client
from meshnet.lab.control import capture
from meshnet.lab.control.capture import Completed
from meshnet.lab.docker_client import find_docker
from meshnet.lab.toolbox import node_environment
from tests.lab.docker_clients import docker_clients
from tests.lab.labs import running


@pytest.fixture
def empty(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder to put clients in, on a machine without one."""
    monkeypatch.setattr(docker_client, "path_with_admin_folders", lambda path: path)
    monkeypatch.setattr(docker_client, "UNPACKED", tmp_path / "tools")
    return tmp_path


def client_at(file: Path) -> Path:
    """A program, put there."""
    file.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy("/bin/true", file)
    return file


def test_machines_own_goes_before_the_unpacked_one(empty: Path) -> None:
    path = {"PATH": f"{empty}/none:{empty}/bin"}
    assert find_docker(path) is None
    other = client_at(empty / "tools/20.10.24/docker")
    assert find_docker(path) == other
    own = client_at(empty / "bin/docker")
    assert find_docker(path) == own


def test_scripts_and_snaps_of_that_name_are_passed_over(empty: Path) -> None:
    script = empty / "podman/docker"
    script.parent.mkdir()
    script.write_text("#!/bin/sh\nexec podman")
    script.chmod(0o755)
    client_at(empty / "snap/snap")
    (empty / "snap/docker").symlink_to("snap")
    path = f"{empty}/podman:{empty}/snap"
    assert find_docker({"PATH": path}) is None
    own = client_at(empty / "bin/docker")
    assert find_docker({"PATH": f"{path}:{own.parent}"}) == own


def test_named_one_is_taken_whatever_it_is(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client_at(empty / "bin/docker")
    mine = client_at(empty / "mine")
    monkeypatch.chdir(empty)
    assert find_docker({"PATH": f"{empty}/bin", "MESHNET_DOCKER": "mine"}) == mine


@pytest.mark.parametrize("named", ["gone", "."])
def test_named_one_that_can_not_be_run_is_refused_by_its_name(empty: Path, named: str) -> None:
    with pytest.raises(InputError, match=f"^MESHNET_DOCKER={named}: not a file that can be run$"):
        find_docker({"PATH": "", "MESHNET_DOCKER": named})


def test_users_own_engine_stays_out_of_a_nodes_shell() -> None:
    names = ("HOST", "CONTEXT", "TLS", "TLS_VERIFY", "CERT_PATH", "CONFIG", "CONTENT_TRUST")
    users = {f"DOCKER_{name}": "theirs" for name in names}
    environment = node_environment("w1", {**users, "DOCKER_API_VERSION": "1.41", "A": "1"}, None)
    assert {name for name in environment if name.startswith("DOCKER")} == {"DOCKER_API_VERSION"}
    assert environment["A"] == "1"


@pytest.mark.lab
@pytest.mark.parametrize("client", docker_clients(), ids=str)
def test_docker_is_there_as_typed_with_nothing_of_the_users(
    client: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Each way to a shell: the command itself, a login shell, and one without any environment."""
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker/config.json").write_text("not JSON")
    monkeypatch.setenv("MESHNET_DOCKER", str(client))
    users = {"PATH": os.defpath, "HOME": str(tmp_path), "DOCKER_HOST": "tcp://127.0.0.1:9"}
    with running() as lab:
        node = lab.status["nodes"][0]["name"]

        def said(*argv: str) -> Completed:
            return capture.run(lab.client, node, argv, env=users).check()

        for shell in (["sh"], ["bash", "-l"], ["env", "-i", "bash", "-l"]):
            assert said(*shell, "-c", "readlink -f $(command -v docker)").text.strip() == str(client)
        context = said("docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}")
        assert context.text.strip() == "unix:///var/run/docker.sock"
        assert b"config.json" not in context.stderr
