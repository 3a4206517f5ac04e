"""Labs end with whichever of their processes is killed, and live side by side."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from meshnet.lab.control import rendezvous
from tests.boot.machine import alive, machine_state, tree

pytestmark = pytest.mark.lab

Waiter = Callable[[Callable[[], bool]], None]

KERNELS = {"uml": ["--kernel", "uml"], "host": ["--kernel", "host", "--without", "ipvs"]}
MESHNET = [sys.executable, "-m", "meshnet"]


@contextmanager
def staying(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A lab that is up until its command is told to end."""
    command = [*MESHNET, "lab", *arguments, "--", "sh", "-c", "echo up; cat"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as launcher:
        assert launcher.stdout is not None
        assert launcher.stdout.readline() == "up\n"
        yield launcher
        assert launcher.stdin is not None
        launcher.stdin.close()
        launcher.wait()


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("victim", range(4), ids=["launcher", "wall", "init", "lab"])
def test_a_killed_lab_leaves_nothing(kernel: str, victim: int, eventually: Waiter) -> None:
    before = machine_state()
    with staying(*KERNELS[kernel]) as launcher:
        processes = tree(launcher.pid)
        os.kill(processes[victim], signal.SIGKILL)
        launcher.wait()
        eventually(lambda: not alive(processes))
    assert machine_state() == before
    assert launcher.pid not in [lab.pid for lab in rendezvous.running()]


def test_a_lab_that_ends_by_itself_leaves_nothing(eventually: Waiter) -> None:
    before = machine_state()
    with staying() as launcher:
        processes = tree(launcher.pid)
    assert launcher.returncode == 0
    eventually(lambda: not alive(processes))
    assert machine_state() == before


def test_labs_run_side_by_side_and_are_told_apart() -> None:
    with staying("--kernel", "uml") as one, staying("--kernel", "uml") as other, staying(*KERNELS["host"]) as third:
        pids = [lab.pid for lab in (one, other, third)]
        listed = [lab.pid for lab in rendezvous.running()]
        assert set(pids) <= set(listed)
        for pid in pids[:2]:
            asked = [*MESHNET, "exec", "--lab", str(pid), "client", "--", "curl", "-s", "192.168.56.11:8000"]
            assert subprocess.run(asked, capture_output=True, text=True, check=True).stdout.startswith("I'm ")
        unclear = subprocess.run([*MESHNET, "status"], capture_output=True, text=True, check=False)
        assert unclear.returncode == 2
        assert "say which with --lab" in unclear.stderr


def test_an_ordinary_user_has_labs_too() -> None:
    become = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.getuid() == 0 else []
    reaches = [*become, "sh", "-c", 'exec "$0" -c "import meshnet"', sys.executable]
    if subprocess.run(reaches, capture_output=True, check=False, cwd="/").returncode != 0:
        pytest.skip(f"ordinary users may not run {sys.executable}, so none can be played")
    done = subprocess.run(
        [*become, *MESHNET, "lab", "--kernel", "uml", "--on", "swarm-worker1", "--", "curl", "-s", "127.0.0.1:8000"],
        capture_output=True,
        text=True,
        check=False,
        env={"HOME": "/", "PATH": os.environ["PATH"]},
        cwd="/",
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("I'm ")


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a command another /dev/shm to see")
def test_a_small_noexec_dev_shm_is_no_obstacle() -> None:
    script = 'mount -t tmpfs -o size=16m,noexec tmpfs /dev/shm && exec "$@"'
    lab = [*MESHNET, "lab", "--kernel", "uml", "--", "hostname"]
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", script, "sh", *lab], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.returncode) == ("swarm-manager\n", 0), done.stderr
