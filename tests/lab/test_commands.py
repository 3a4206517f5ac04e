"""The command line on real labs: what a student and a script see."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from meshnet.lab.deadlines import ANSWER, scaled
from tests.lab.docker_clients import docker_clients

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("commands")]

MESHNET = [sys.executable, "-m", "meshnet"]


def meshnet(*arguments: str, stdin: str = "", cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*MESHNET, *arguments], input=stdin, capture_output=True, text=True, check=False, cwd=cwd)


@pytest.mark.parametrize("client", docker_clients(), ids=lambda client: client.parent.name)
def test_the_tour_holds_with_every_docker_client(client: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESHNET_DOCKER", str(client))
    done = meshnet("tour")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"\b(\d+) of \1 steps held", done.stdout)
    assert done.stdout.count("$ docker ") >= 9


def test_the_tour_holds_on_a_kernel_that_has_everything() -> None:
    """The host's way of doing it, with user-mode Linux as the host."""
    done = meshnet("lab", "--kernel", "uml", "--", *MESHNET, "tour", "--kernel", "host")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "kernel: this machine's: it has all that is needed" in done.stderr
    assert re.search(r"\b(\d+) of \1 steps held", done.stdout)


def test_interrupted_while_coming_up_it_leaves_at_once() -> None:
    with subprocess.Popen([*MESHNET, "lab", "--", "true"], stderr=subprocess.PIPE, text=True) as lab:
        assert lab.stderr is not None
        assert lab.stderr.readline().startswith("kernel: ")
        lab.send_signal(signal.SIGINT)
        assert lab.wait() == 130
        assert lab.stderr.read() == ""


def test_a_command_runs_on_the_first_manager_and_gives_its_status_and_streams(tmp_path: Path) -> None:
    script = "hostname; pwd; cat; echo err >&2; exit 7"
    done = meshnet("lab", "--", "sh", "-c", script, stdin="typed\n", cwd=tmp_path)
    assert done.returncode == 7
    assert done.stdout == f"swarm-manager\n{tmp_path}\ntyped\n"
    assert done.stderr.endswith("err\n")
    assert done.stderr.startswith("kernel: ")


def test_a_command_runs_on_another_node_and_output_is_written_through(tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = meshnet("lab", "--kernel", "uml", "--on", "client", "--output", str(out), "--", "sh", "-c",
                   f"hostname > {out}/name; echo harm > {tmp_path}/harm; rm -f {__file__}; ls {tmp_path}")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["harm", "out"]
    assert (out / "name").read_text() == "client\n"
    assert not (tmp_path / "harm").exists()
    assert Path(__file__).exists()


def test_an_unknown_command_has_the_shells_status_and_a_sentence() -> None:
    done = meshnet("lab", "--", "no-such-command")
    assert done.returncode == 127
    assert done.stderr.splitlines()[-1] == "meshnet: no-such-command: no such command on swarm-manager"


class Terminal:
    """A person at a terminal of 33 rows and 101 columns."""

    def __init__(self, *arguments: str) -> None:
        self.said = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM="xterm", COLUMNS="", LINES="")
            os.execv(MESHNET[0], [*MESHNET, *arguments])
        subprocess.run(["stty", "rows", "33", "cols", "101"], stdin=self.fd, check=True)

    def type(self, text: str) -> None:
        os.write(self.fd, text.encode())

    def expect(self, text: str) -> str:
        """Read until ``text`` is seen; what came up to and with it."""
        deadline = time.monotonic() + scaled(ANSWER)
        while text.encode() not in self.said:
            ready, _, _ = select.select([self.fd], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, f"never saw {text!r} in {self.said.decode(errors='replace')}"
            try:
                data = os.read(self.fd, 65536)
            except OSError:
                data = b""
            assert data, f"ended without {text!r} in {self.said.decode(errors='replace')}"
            self.said += data
        seen, _, self.said = self.said.partition(text.encode())
        return seen.decode(errors="replace") + text

    def end(self) -> int:
        """Its exit status, once all it says is read."""
        while True:
            try:
                data = os.read(self.fd, 65536)
            except OSError:
                break
            if not data:
                break
            self.said += data
        _, status = os.waitpid(self.pid, 0)
        os.close(self.fd)
        return os.waitstatus_to_exitcode(status)


def test_the_prompt_and_a_second_terminal(eventually: Callable[[Callable[[], bool]], None]) -> None:
    terminal = Terminal("lab")
    terminal.expect("mininet> ")
    lab = str(terminal.pid)
    terminal.type("swarm-worker1 stty size\n")
    terminal.expect("33 101")
    terminal.expect("mininet> ")
    terminal.type("swarm-worker1 sleep 1000\n")
    terminal.expect("sleep 1000")
    eventually(
        lambda: (
            "sleep" in meshnet("exec", "--lab", lab, "swarm-worker1", "--", "ps", "-C", "sleep", "-o", "args=").stdout
        )
    )
    terminal.type("\x03")
    terminal.expect("mininet> ")
    done = meshnet("exec", "--lab", lab, "swarm-worker1", "--", "sh", "-c", "hostname; exit 3")
    assert (done.stdout, done.returncode) == ("swarm-worker1\n", 3)
    status = json.loads(meshnet("status", "--lab", lab, "--json").stdout)
    assert {node["name"] for node in status["nodes"]} == {"swarm-manager", "swarm-worker1", "swarm-worker2", "client"}
    assert lab in meshnet("ls").stdout.split()
    assert meshnet("exec", "--lab", lab, "nowhere", "--", "true").returncode == 2
    terminal.type("\x04")
    assert terminal.end() == 0
    assert lab not in meshnet("ls").stdout.split()


def test_the_prompt_traces_and_explains() -> None:
    terminal = Terminal("lab")
    terminal.expect("mininet> ")
    terminal.type("trace client swarm-worker1:8000 --no-reply\n")
    assert "DOCKER-INGRESS 1" in terminal.expect("as predicted")
    terminal.expect("mininet> ")
    terminal.type("trace client\n")
    terminal.expect("*** the following arguments are required: DST[:PORT]")
    terminal.expect("mininet> ")
    terminal.type("trace client nowhere\n")
    terminal.expect("*** expected an address, a machine, a service or a task, found 'nowhere'")
    terminal.expect("mininet> ")
    terminal.type("explain\n")
    terminal.expect("nothing found: ")
    terminal.expect("mininet> ")
    terminal.type("\x04")
    assert terminal.end() == 0


def test_a_shell_on_a_node_has_the_nodes_prompt() -> None:
    first = Terminal("lab")
    first.expect("mininet> ")
    shell = Terminal("sh", "--lab", str(first.pid), "swarm-worker1")
    shell.expect("root@swarm-worker1:")
    shell.type("echo $((20 + 22)) on $(hostname)\n")
    shell.expect("42 on swarm-worker1")
    shell.type("exit 5\n")
    assert shell.end() == 5
    assert meshnet("down", "--lab", str(first.pid)).returncode == 0
    first.end()


def test_a_lab_killed_with_its_launcher_is_gone(eventually: Callable[[Callable[[], bool]], None]) -> None:
    terminal = Terminal("lab")
    terminal.expect("mininet> ")
    os.kill(terminal.pid, signal.SIGKILL)
    terminal.end()
    eventually(lambda: str(terminal.pid) not in meshnet("ls").stdout.split())


def test_termination_takes_the_lab_down_and_puts_the_terminal_right() -> None:
    terminal = Terminal("lab")
    terminal.expect("mininet> ")
    os.kill(terminal.pid, signal.SIGTERM)
    assert terminal.end() == 130
