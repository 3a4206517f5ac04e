"""Stock Mininet loads the topologies, builds them and pings across them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lab.walled import walled
from topo import topos

CUSTOM = Path(__file__).parents[2] / "topo" / "custom.py"

LOADER = """
import sys
customs = {}
file, checkout = sys.argv[1:]
sys.path = [folder for folder in sys.path if folder != checkout]
exec(compile(open(file).read(), file, "exec"), customs, customs)  # as mn does
topology = customs["topos"]["swarm"](workers=3)
print(*topology.hosts())
"""

PINGER = """
import sys, warnings
warnings.simplefilter("ignore")
from mininet.net import Mininet
from mininet.nodelib import LinuxBridge
from topo import topos
network = Mininet(topo=topos[sys.argv[1]](), switch=LinuxBridge, controller=None)
network.start()
print("lost", network.pingAll(timeout="2"))
network.stop()
"""

NEEDED = ("mnexec", "ifconfig", "brctl", "ping")


@pytest.mark.thorough
def test_mn_loads_the_custom_file_from_anywhere(tmp_path: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", LOADER, str(CUSTOM), str(CUSTOM.parents[1])],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["client", "swarm-manager", "swarm-worker1", "swarm-worker2", "swarm-worker3"]


@pytest.mark.lab
@pytest.mark.parametrize("name", topos)
def test_stock_mininet_pings_across_every_topology(name: str) -> None:
    missing = [tool for tool in NEEDED if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"stock Mininet needs {', '.join(missing)}")

    @walled
    def body() -> None:
        folder = str(CUSTOM.parents[1])
        environment = {**os.environ, "PYTHONPATH": folder}
        done = subprocess.run(
            [sys.executable, "-c", PINGER, name],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert "lost 0.0" in done.stdout, done.stdout + done.stderr

    body()
