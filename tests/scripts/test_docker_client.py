"""The docker client that setup and the tests unpack, on played machines: when, out of what, as whom."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from tests.scripts.fake_machine import FakeMachine

FOLDER = ".tools/docker"


@pytest.fixture
def bare(machine: FakeMachine) -> FakeMachine:
    """A machine with no docker command."""
    return machine.without_docker()


def unpacked(machine: FakeMachine) -> list[str]:
    return [str(file.relative_to(machine.checkout / FOLDER)) for file in (machine.checkout / FOLDER).glob("*/*")]


def packages(log: list[str]) -> list[str]:
    """The packages that apt-get was asked for."""
    return [line.split()[-1] for line in log if line.startswith("apt-get") and " download " in line]


def test_setup_leaves_a_machine_with_a_client_alone(machine: FakeMachine) -> None:
    machine.run("scripts/setup")
    assert packages(machine.said()) == []
    assert not (machine.checkout / ".tools").exists()


def test_setup_unpacks_one_where_there_is_none_and_says_so_once(bare: FakeMachine) -> None:
    first = bare.run("scripts/setup")
    assert (first.returncode, first.stderr) == (0, "")
    [line] = [line for line in first.stdout.splitlines() if "docker client" in line]
    assert line.endswith("into .tools/docker; nothing is installed")
    assert unpacked(bare) == ["24.0.7/docker"]
    assert not [line for line in bare.said() if " install " in f"{line} " and line.startswith("apt-get")]
    second = bare.run("scripts/setup")
    assert (second.returncode, second.stdout, second.stderr) == (0, "", "")
    assert bare.said() == []


def test_tests_get_a_second_client_on_a_machine_that_has_one(machine: FakeMachine) -> None:
    assert machine.run("scripts/docker-client").returncode == 0
    assert unpacked(machine) == ["24.0.7/docker"]
    assert (machine.checkout / FOLDER / "24.0.7/docker").read_bytes() == machine.client.read_bytes()
    assert stat.S_IMODE((machine.checkout / FOLDER / "24.0.7/docker").stat().st_mode) == 0o755
    assert [file.name for file in (machine.checkout / FOLDER).iterdir()] == ["24.0.7"]


@pytest.mark.parametrize("stranger", ["script", "snap"])
def test_command_that_is_no_client_of_its_own_does_not_count(bare: FakeMachine, stranger: str) -> None:
    """podman-docker's command is a script, snap's a link to what asks a daemon that a lab has not."""
    bare.play("docker", "exec podman")
    if stranger == "snap":
        (bare.fakes / "docker").unlink()
        (bare.fakes / "snap").write_bytes(bare.client.read_bytes())
        (bare.fakes / "snap").chmod(0o755)
        (bare.fakes / "docker").symlink_to("snap")
    bare.run("scripts/setup")
    assert unpacked(bare) == ["24.0.7/docker"]


def test_named_client_is_enough(bare: FakeMachine) -> None:
    bare.run("scripts/setup", MESHNET_DOCKER="/opt/docker")
    assert packages(bare.said()) == []


def test_package_that_holds_the_client_alone_is_preferred(bare: FakeMachine) -> None:
    bare.run("scripts/docker-client", OFFERED="docker-cli docker.io")
    assert packages(bare.said()) == ["docker-cli"]
    assert unpacked(bare) == ["24.0.7/docker"]


def test_lists_of_its_own_are_fetched_where_the_machines_know_no_package(bare: FakeMachine) -> None:
    bare.become(1000, owner=1000)
    assert bare.run("scripts/docker-client", OFFERED="", FRESH="docker.io").returncode == 0
    log = bare.said()
    assert packages(log) == ["docker-cli", "docker.io"] * 2
    [update] = [line for line in log if line.endswith(" update")]
    assert f"Dir::State::Lists=CHECKOUT/{FOLDER}/unpacking." in update
    assert unpacked(bare) == ["24.0.7/docker"]


def test_offline_is_no_failure_of_setup_and_is_said_once_a_day(bare: FakeMachine) -> None:
    first = bare.run("scripts/setup", OFFERED="")
    assert first.returncode == 0
    [sentence] = first.stderr.splitlines()
    assert sentence.startswith("meshnet: labs will have no docker command: apt-get could not fetch")
    tried = bare.checkout / FOLDER / "tried"
    assert "no docker.io to be had" in tried.read_text()
    bare.said()
    second = bare.run("scripts/setup", OFFERED="")
    assert (second.returncode, second.stderr) == (0, "")
    assert bare.said() == []
    _age(tried, days=2)
    assert bare.run("scripts/setup").returncode == 0
    assert unpacked(bare) == ["24.0.7/docker"]
    assert not tried.exists()


def test_asked_for_by_name_it_is_tried_at_once(bare: FakeMachine) -> None:
    assert bare.run("scripts/docker-client", OFFERED="").returncode == 2
    assert bare.run("scripts/docker-client").returncode == 0


def test_machine_without_apt_get_is_told_so(bare: FakeMachine) -> None:
    (bare.fakes / "apt-get").unlink()
    (Path(bare.path) / "apt-get").unlink(missing_ok=True)
    done = bare.run("scripts/setup")
    assert done.returncode == 0
    assert done.stderr == (
        "meshnet: labs will have no docker command: this machine has no apt-get; make doctor names the mend\n"
    )


def test_package_without_a_client_that_runs_leaves_nothing(machine: FakeMachine) -> None:
    machine.client.write_text("")
    done = machine.run("scripts/docker-client")
    assert done.returncode == 2
    assert "no client that runs here is in docker.io.deb" in done.stderr
    assert "labs will have no docker command" not in done.stderr
    assert unpacked(machine) == []


def test_what_a_killed_one_left_is_removed(machine: FakeMachine) -> None:
    left = machine.checkout / FOLDER / "unpacking.abc"
    left.mkdir(parents=True)
    machine.run("scripts/docker-client")
    assert not left.exists()


def test_root_fetches_and_unpacks_as_the_checkouts_owner(machine: FakeMachine) -> None:
    machine.become(0, owner=1234)
    assert machine.run("scripts/docker-client").returncode == 0
    dropped = " ".join(line for line in machine.said() if line.startswith("setpriv --reuid 1234 "))
    for work in ("mkdir -p .tools", "mktemp -d", "apt-get -q download docker.io", "tar -x", "tee ", "mv -T", "rm -rf"):
        assert work in dropped


def _age(file: Path, *, days: int) -> None:
    when = file.stat().st_mtime - days * 24 * 60 * 60
    os.utime(file, (when, when))
