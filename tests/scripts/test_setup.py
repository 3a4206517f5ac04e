"""``make setup`` on played machines: what it installs, when, as whom, and what it says when it can't."""

from __future__ import annotations

import os
import shutil
import signal
from dataclasses import replace
from pathlib import Path

from tests.scripts.fake_machine import FakeMachine

NEW = ["venv", "pip"]


def test_first_run_says_what_it_installs_and_the_second_finds_nothing_to_do(machine: FakeMachine) -> None:
    first = machine.run("scripts/setup")
    assert (first.returncode, first.stderr) == (0, "")
    assert "Installing Python packages into .venv" in first.stdout
    assert machine.said() == NEW
    second = machine.run("scripts/setup")
    assert (second.returncode, second.stdout, second.stderr) == (0, "", "")
    assert machine.said() == []


def test_root_installs_what_is_missing_and_nothing_else(machine: FakeMachine) -> None:
    machine.need("sh", "tool-of-mesh", "tool-of-lab", "tool-of-mesh")
    done = machine.run("scripts/setup")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Installing system packages, which takes a minute: mesh lab\n")
    update, install, *rest = machine.said()
    assert update.endswith(" update")
    assert install.endswith(" install --yes --no-install-recommends mesh lab")
    assert rest == NEW


def test_ordinary_user_is_told_the_one_line_to_ask_for(machine: FakeMachine) -> None:
    machine.become(1000, owner=1000)
    machine.need("tool-of-mesh", "tool-of-lab")
    done = machine.run("scripts/setup")
    assert done.returncode == 2
    assert done.stderr.splitlines()[1:] == ["    apt-get install --no-install-recommends mesh lab"]
    assert machine.said() == []
    assert not (machine.checkout / ".venv").exists()


def test_ordinary_user_needs_no_administrator_where_all_is_there(machine: FakeMachine) -> None:
    machine.become(1000, owner=1000)
    assert machine.run("scripts/setup").returncode == 0
    assert machine.said() == NEW


def test_package_that_apt_has_never_heard_of_is_named(machine: FakeMachine) -> None:
    machine.need("tool-of-unheard-of")
    done = machine.run("scripts/setup")
    assert done.returncode == 2
    assert "no package unheard-of here" in done.stderr


def test_user_mode_linux_is_not_asked_for_where_there_is_none(machine: FakeMachine) -> None:
    machine.play("uname", "echo aarch64")
    (machine.checkout / "meshnet/doctor/system-tools.txt").write_text("no-such-linux user-mode-linux uml\n")
    assert machine.run("scripts/setup").returncode == 0
    assert machine.said() == NEW
    machine.play("uname", "echo x86_64")
    machine.run("scripts/setup")
    assert [line.split()[-1] for line in machine.said()] == ["update", "user-mode-linux"]


def test_python_without_ensurepip_gets_its_package(machine: FakeMachine) -> None:
    machine.become(1000, owner=1000)
    done = machine.run("scripts/setup", NO_ENSUREPIP="1", PYTHON_ANSWER="yes 3.99.0 /usr/bin/python3.99")
    assert done.returncode == 2
    assert done.stderr.endswith(" python3.99-venv\n")


def test_old_python_is_refused_in_one_sentence(machine: FakeMachine) -> None:
    done = machine.run("scripts/setup", PYTHON_ANSWER="no 3.9.2 /usr/bin/python3")
    assert done.returncode == 2
    assert done.stdout == ""
    [sentence] = done.stderr.splitlines()
    assert "Python 3.11 or later is needed, and found was 3.9.2 /usr/bin/python3" in sentence


def test_changed_requirements_go_into_the_same_venv(machine: FakeMachine) -> None:
    machine.run("scripts/setup")
    machine.said()
    with (machine.checkout / "constraints.txt").open("a") as constraints:
        constraints.write("# changed\n")
    machine.run("scripts/setup")
    assert machine.said() == ["pip"]


def test_moved_checkout_gets_a_new_venv(machine: FakeMachine) -> None:
    machine.run("scripts/setup")
    machine.said()
    moved = replace(machine, checkout=machine.checkout.rename(machine.checkout.with_name("moved")))
    assert moved.run("scripts/setup").returncode == 0
    assert moved.said() == NEW


def test_venv_whose_python_is_gone_is_made_anew(machine: FakeMachine) -> None:
    machine.run("scripts/setup")
    machine.said()
    (machine.checkout / ".venv/bin/python").unlink()
    assert machine.run("scripts/setup").returncode == 0
    assert machine.said() == NEW


def test_setup_that_was_killed_is_repaired_by_the_next(machine: FakeMachine) -> None:
    assert machine.run("scripts/setup", FAIL="killed").returncode == -signal.SIGKILL
    half_made = machine.checkout / ".venv/half-made"
    half_made.touch()
    machine.said()
    assert machine.run("scripts/setup").returncode == 0
    assert machine.said() == NEW
    assert not half_made.exists()


def test_what_pip_says_is_shown_when_it_fails(machine: FakeMachine) -> None:
    done = machine.run("scripts/setup", FAIL="pip")
    assert done.returncode == 2
    first, second = done.stderr.splitlines()
    assert first == "no such version"
    assert "pip could not install" in second


def test_venv_made_by_hand_is_kept(machine: FakeMachine) -> None:
    venv = machine.checkout / ".venv/bin"
    venv.mkdir(parents=True)
    shutil.copy(machine.fakes / "python", venv)
    (venv / "pip").write_text(f"#!{venv}/python\n")
    assert machine.run("scripts/setup").returncode == 0
    assert machine.said() == ["pip"]


def test_root_makes_everything_as_the_checkouts_owner(machine: FakeMachine) -> None:
    machine.become(0, owner=1234)
    assert machine.run("scripts/setup").returncode == 0
    log = machine.said()
    assert [line for line in log if not line.startswith("setpriv --reuid 1234 --regid 1234 --clear-groups ")] == NEW
    as_owner = " ".join(log)
    for work in ("mkdir .venv", "-m venv .venv", "-m pip install", "-m compileall"):
        assert work in as_owner


def test_bytecode_is_compiled_when_a_source_is_newer(machine: FakeMachine) -> None:
    machine.play("python", 'case $* in *compileall*) echo compile >>"$LOG" ;; esac\n' + _script(machine))
    machine.run("scripts/setup")
    assert machine.said() == [*NEW, "compile"]
    machine.run("scripts/setup")
    assert machine.said() == []
    marker = machine.checkout / ".venv/compiled"
    source = machine.checkout / "topo/new.py"
    source.touch()
    _make_older(marker, than=source)
    machine.run("scripts/setup")
    assert machine.said() == ["compile"]


def _script(machine: FakeMachine) -> str:
    return (machine.fakes / "python").read_text()


def _make_older(path: Path, *, than: Path) -> None:
    when = than.stat().st_mtime - 10
    os.utime(path, (when, when))
