"""The Makefile's targets, and the scripts that only start something else."""

from __future__ import annotations

import re
import tomllib

import pytest

from tests.scripts.fake_machine import PROJECT, FakeMachine


def test_make_alone_lists_the_targets(machine: FakeMachine) -> None:
    listed = machine.run("make").stdout
    for target in ("setup", "lab", "tour", "test", "test-long", "check", "doctor", "bench", "clean"):
        assert re.search(rf"^ +make {target}\t\w", listed, re.MULTILINE)


def test_lab_and_arguments_are_passed_through(machine: FakeMachine) -> None:
    dry = machine.run("make", "-n", "lab", "LAB=examples/wordpress", "ARGS=--seed 7 -- curl -s '127.0.0.1:80'").stdout
    assert dry.splitlines()[-1] == "exec scripts/run meshnet lab examples/wordpress --seed 7 -- curl -s '127.0.0.1:80'"


@pytest.mark.parametrize("uid", [1234, 0])
def test_run_ends_as_its_command_does(machine: FakeMachine, uid: int) -> None:
    machine.become(uid, owner=1234)
    done = machine.run("scripts/run", "sh", "-c", "echo out; exit 7")
    assert (done.returncode, done.stdout) == (7, "out\n")


def test_run_finds_the_commands_of_the_venv_first(machine: FakeMachine) -> None:
    binaries = machine.checkout / ".venv/bin"
    binaries.mkdir(parents=True)
    (binaries / "curl").write_text("#!/bin/sh\necho from the venv\n")
    (binaries / "curl").chmod(0o755)
    assert machine.run("scripts/run", "curl").stdout == "from the venv\n"


def test_root_leaves_nothing_of_its_own_in_somebodys_checkout(machine: FakeMachine) -> None:
    machine.become(0, owner=1234)
    machine.play("find", 'echo "find $*" >>"$LOG"')
    done = machine.run("scripts/run", "sh", "-c", "echo $PYTHONDONTWRITEBYTECODE; exit 1")
    assert (done.returncode, done.stdout) == (1, "1\n")
    assert machine.said()[-1] == "find . -path ./.git -prune -o -uid 0 -exec chown -h 1234:1234 {} +"


def test_clean_removes_what_setup_made_and_nothing_else(machine: FakeMachine) -> None:
    before = set(machine.checkout.rglob("*"))
    machine.run("scripts/setup")
    (machine.checkout / "topo/__pycache__").mkdir()
    (machine.checkout / ".mypy_cache").mkdir()
    machine.run("scripts/docker-client")
    assert machine.run("scripts/clean").returncode == 0
    assert set(machine.checkout.rglob("*")) == before


def test_tests_have_a_second_docker_client_or_go_on_without(machine: FakeMachine) -> None:
    machine.play("pytest", "")
    assert machine.run("scripts/test", OFFERED="").returncode == 0
    assert machine.run("scripts/test").returncode == 0
    assert list((machine.checkout / ".tools/docker").glob("*/docker"))


def test_every_direct_dependency_is_pinned() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    wanted = {
        re.split(r"[^\w.-]", each)[0] for each in project["dependencies"] + project["optional-dependencies"]["dev"]
    }
    lines = (PROJECT / "constraints.txt").read_text().splitlines()
    pinned = {line.partition("==")[0] for line in lines if "==" in line}
    assert wanted - pinned == set()


@pytest.mark.parametrize(
    ("unit", "thorough", "lab", "status"),
    [
        (0, 0, 0, 0),
        (1, 0, 0, 1),
        (0, 1, 0, 1),
        (0, 0, 1, 1),
        (1, 1, 1, 1),
        (0, 0, 4, 4),
        (0, 4, 0, 4),
        (0, 2, 1, 2),
        (0, 5, 5, 0),
        (5, 0, 5, 0),
        (5, 5, 0, 0),
        (5, 1, 5, 1),
        (1, 5, 0, 1),
        (5, 5, 1, 1),
        (5, 5, 5, 5),
    ],
)
def test_tests_hold_when_every_stage_does_and_one_ran_something(
    machine: FakeMachine, unit: int, thorough: int, lab: int, status: int
) -> None:
    """5 is pytest's way to say that there was no test to run."""
    answers = f'"-m lab"*) exit {lab} ;; *"-m thorough"*) exit {thorough} ;; *) exit {unit}'
    machine.play("pytest", f"case $* in {answers} ;; esac")
    assert machine.run("scripts/test").returncode == status


def test_long_tests_draw_as_many_swarms_as_somebody_says_or_many(machine: FakeMachine) -> None:
    machine.play("pytest", 'echo "$MESHNET_EXAMPLES of $*"')
    drawn = r"^(\d+) of .*tests/lab/test_predict_equals_observe.py -k 20.10$"
    for said, expected in (("", "170"), ("3", "3")):
        done = machine.run("scripts/test-long", "-k", "20.10", MESHNET_EXAMPLES=said)
        assert re.findall(drawn, done.stdout, re.MULTILINE) == [expected]


@pytest.mark.parametrize(("faces", "others", "status"), [(0, 0, 0), (1, 0, 1), (0, 1, 1), (1, 2, 1), (0, 5, 5)])
def test_unit_tests_hold_when_both_halves_do(machine: FakeMachine, faces: int, others: int, status: int) -> None:
    machine.play("pytest", f"case $* in *--ignore*) echo others; exit {others} ;; *) echo faces; exit {faces} ;; esac")
    done = machine.run("scripts/unit-tests")
    assert (done.returncode, done.stdout.splitlines()[1:]) == (status, ["faces", "others"])


def test_halves_of_the_unit_tests_are_all_of_them(machine: FakeMachine) -> None:
    machine.play("pytest", 'echo "$*"')
    _, faces, others = machine.run("scripts/unit-tests").stdout.splitlines()
    folders = re.findall(r" (tests/\S+)", faces)
    assert folders and re.findall(r"--ignore=(\S+)", others) == folders
    assert re.sub(r" tests/\S+", "", faces) == re.sub(r" --ignore=\S+", "", others).rstrip()
    assert all((PROJECT / folder).is_dir() for folder in folders)


def test_every_stage_is_run_and_the_ones_without_root_by_check_too(machine: FakeMachine) -> None:
    for tool in ("ruff", "mypy", "lint-imports"):
        machine.play(tool, "")
    machine.play("pytest", 'echo "pytest -m $*"')

    def stages(script: str, *arguments: str) -> list[str]:
        said = machine.run(script, *arguments).stdout
        marks = "not lab and not thorough|thorough|lab"
        return re.findall(rf"^pytest .*-m ({marks})(?= -| tests/|$)", said, re.MULTILINE)

    halves = ["not lab and not thorough"] * 2
    assert stages("scripts/check") == [*halves, "thorough"]
    assert stages("scripts/test") == [*halves, "thorough", "lab"]
    assert stages("scripts/test", "-x") == [halves[0], "thorough", "lab"]
