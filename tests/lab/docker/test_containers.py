"""Containers at the docker command line: looked at, entered, run and ended."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.lab.docker.terminal import MANAGER, WORKER1, WORKER2, Docker, looks_like

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("docker-containers")]

WHOAMI = "cc9f97cc5056"
CLIENT = "633ddfc082b9"


@pytest.fixture(autouse=True)
def _tidy(docker: Docker) -> Iterator[None]:
    yield
    for node in (MANAGER, WORKER1, WORKER2):
        left = docker("ps -aq --filter name=t-", on=node).split()
        if left:
            docker(f"rm -f {' '.join(left)}", on=node)


def test_containers_are_listed_as_the_article_has_them(docker: Docker) -> None:
    lines = docker.lines("ps")
    row = rf'{WHOAMI} jwilder/whoami:latest "/app/http" .* ago Up .* 8000/tcp whoami\.1\.6hhuf528spdw9j9pla7l3tv3t'
    assert any(looks_like(row, line) for line in lines), lines
    assert docker("container ls -q", on=WORKER2).split().count(CLIENT) == 1
    assert docker("ps -q --filter label=com.docker.swarm.service.name=whoami") == WHOAMI


def test_exec_shows_the_containers_own_view(docker: Docker) -> None:
    addresses = docker(f"exec {WHOAMI[:3]} ip a")
    assert "10.255.0.5/16" in addresses
    assert "10.0.2.7/24" in addresses
    assert docker(f"exec {WHOAMI} hostname") == WHOAMI
    assert "127.0.0.11" in docker(f"exec {WHOAMI} cat /etc/resolv.conf")
    assert docker(f"exec -e A=b -w /tmp {WHOAMI} sh -c 'echo $A $PWD'") == "b /tmp"


def test_exec_keeps_streams_and_status_apart(docker: Docker) -> None:
    done = docker.typed(f"docker exec {CLIENT} sh -c 'echo out; echo err >&2; exit 7'", on=WORKER2)
    assert (done.stdout, done.stderr, done.status) == (b"out\n", b"err\n", 7)
    assert docker(f"exec -i {CLIENT} sort", on=WORKER2, stdin=b"b\na\n") == "a\nb"
    missing = docker.typed(f"docker exec {CLIENT} nope", on=WORKER2)
    assert missing.status in (126, 127)
    assert "executable file not found in $PATH" in (missing.stderr + missing.stdout).decode()
    assert "No such container: nope" in docker.refused("exec nope true")
    docker(f"exec -d {CLIENT} touch /tmp/there", on=WORKER2)


def test_names_are_resolved_in_a_container(docker: Docker) -> None:
    said = docker(f"exec {CLIENT} nslookup whoami", on=WORKER2)
    assert "127.0.0.11" in said
    assert "10.0.2.5" in said
    assert docker(f"exec {CLIENT} wget -qO- whoami:8000", on=WORKER2).startswith("I'm ")


def test_a_container_run_by_hand(docker: Docker) -> None:
    assert docker("run --rm busybox:1.28.3 echo hello") == "hello"
    done = docker.typed("docker run --rm busybox:1.28.3 sh -c 'echo out; echo err >&2; exit 5'")
    assert (done.stdout, done.stderr, done.status) == (b"out\n", b"err\n", 5)
    assert docker("run -i --rm busybox:1.28.3 cat", stdin=b"through\n") == "through"
    said = docker.refused("run no/such:1", status=125)
    assert "Unable to find image 'no/such:1' locally" in said
    assert "pull access denied for no/such" in said


def test_a_container_from_creation_to_removal(docker: Docker) -> None:
    created = docker("create --name t-life -e A=1 --label x=y busybox:1.28.3 sh -c 'echo $A; sleep 1000'")
    assert docker("ps -a --filter name=t-life --format '{{.Status}}'") == "Created"
    docker("start t-life")
    assert docker("inspect t-life --format '{{.State.Status}} {{.Id}}'") == f"running {created}"
    docker.until("logs t-life", lambda said: said == "1")
    assert "sleep 1000" in docker("top t-life")
    assert looks_like(r"CONTAINER ID NAME CPU % MEM .*t-life.*", docker("stats --no-stream t-life"))
    docker("kill -s KILL t-life")
    assert docker("wait t-life") == "137"
    assert docker("ps -a --filter name=t-life --format '{{.Status}}'").startswith("Exited (137)")
    docker("restart -t 0 t-life")
    docker("stop -t 0 t-life")
    assert "is not running" in docker.refused("exec t-life true")
    docker("rm t-life")
    assert "No such container: t-life" in docker.refused("logs t-life")
    assert "no such object: t-life" in docker.refused("inspect t-life").lower()


def test_a_published_port_of_one_container(docker: Docker) -> None:
    docker("run -d --name t-port -p 8400:80 nginx", on=WORKER1)
    assert "nginx" in docker.lab.answers("client", f"{docker.lab.address(WORKER1)}:8400", 1)[0]
    assert "nginx" in docker.lab.answers(WORKER1, "127.0.0.1:8400", 1)[0]
    assert docker("port t-port", on=WORKER1).startswith("80/tcp -> 0.0.0.0:8400")
    said = docker.refused("run -d --name t-port2 -p 8400:80 nginx", on=WORKER1, status=125)
    assert "port is already allocated" in said


def test_networks_are_connected_and_disconnected(docker: Docker) -> None:
    docker("network create t-side")
    docker("run -d --name t-two busybox:1.28.3 sleep 1000")
    docker("network connect --alias other t-side t-two")
    networks = json.loads(docker("inspect t-two --format '{{json .NetworkSettings.Networks}}'"))
    assert set(networks) == {"bridge", "t-side"}
    assert networks["t-side"]["IPAddress"] in docker("exec t-two ip -4 addr")
    docker("network disconnect t-side t-two")
    assert networks["t-side"]["IPAddress"] not in docker("exec t-two ip -4 addr")
    docker("rm -f t-two")
    docker("network rm t-side")


def test_images_and_pulls(docker: Docker) -> None:
    assert "busybox" in docker("images --format '{{.Repository}}'")
    said = docker("pull nginx:latest")
    assert "latest: Pulling from library/nginx" in said
    assert "Status:" in said
    assert "repository does not exist or may require 'docker login'" in docker.refused("pull no/such")


def test_what_a_lab_cannot_do_is_said_in_one_sentence(docker: Docker) -> None:
    for arguments in ("run -v /etc:/x busybox:1.28.3 true", "pause " + WHOAMI, "volume create v"):
        said = docker.typed(f"docker {arguments}")
        assert said.status != 0, arguments
        assert len(said.stderr.decode().strip().splitlines()) <= 3, said.stderr
