"""The walls: what stands behind them goes with them, whoever is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.boot.machine import alive, machine_state, tree

pytestmark = pytest.mark.lab

BEHIND_WALLS = """
import os, subprocess, sys, time
from meshnet.kernel.boot import walls

def lab():
    subprocess.run(["ip", "link", "add", "leak0", "type", "veth", "peer", "name", "leak1"], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/mnt"], check=True)
    subprocess.Popen(["sleep", "1234.5"])
    sys.stdout.write("up\\n")
    sys.stdout.flush()
    time.sleep(1000)
    return 0

sys.exit(walls.wait(walls.start_within(lab)))
"""


@pytest.mark.parametrize("victim", range(5), ids=["launcher", "wall", "init", "lab", "workload"])
def test_killing_any_process_leaves_nothing(victim: int, eventually: Callable[[Callable[[], bool]], None]) -> None:
    before = machine_state()
    with subprocess.Popen([sys.executable, "-c", BEHIND_WALLS], stdout=subprocess.PIPE, text=True) as launcher:
        assert launcher.stdout is not None
        assert launcher.stdout.readline() == "up\n"
        processes = tree(launcher.pid)
        assert len(processes) == 5
        os.kill(processes[victim], signal.SIGKILL)
        if victim == 4:  # the workload's end is no reason for the lab to end
            os.kill(launcher.pid, signal.SIGKILL)
        launcher.wait()
    eventually(lambda: not alive(processes))
    assert machine_state() == before


def test_the_exit_status_comes_through() -> None:
    script = "import sys; from meshnet.kernel.boot import walls; sys.exit(walls.wait(walls.start_within(lambda: 42)))"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 42


def test_behind_the_walls_it_is_root_of_empty_namespaces() -> None:
    script = """
import os, subprocess, sys
from meshnet.kernel.boot import walls
def lab():
    links = subprocess.run(["ip", "-br", "link"], capture_output=True, text=True, check=True).stdout.split()
    processes = [name for name in os.listdir("/proc") if name.isdigit()]
    return 0 if links[0] == "lo" and len(links) == 4 and len(processes) == 2 and os.getuid() == 0 else 1
sys.exit(walls.wait(walls.start_within(lab)))
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
