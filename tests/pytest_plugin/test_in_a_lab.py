"""A user's own repository of tests, run as its user would: in a process of its own, in a real lab."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from meshnet.lab.deadlines import CONVERGED, scaled
from meshnet.netstate import NamespaceRef
from meshnet.trace.pcapng import Reader

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("pytest_plugin")]

EXAMPLES = Path(__file__).parents[2] / "examples/tests"
PYTEST = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-W", "error"]


def run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PYTEST, *options], cwd=folder, capture_output=True, text=True, timeout=scaled(3 * CONVERGED), check=False
    )


def passed(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def written(folder: Path, source: str) -> Path:
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "test_mesh.py").write_text(source)
    return folder


def places(file: Path) -> set[NamespaceRef]:
    return {seen.at for seen in Reader().feed(file.read_bytes())}


def in_order(text: str, pieces: Sequence[str]) -> bool:
    at = 0
    for piece in pieces:
        at = text.find(piece, at)
        if at < 0:
            return False
    return True


def test_the_examples_pass_in_a_repository_of_their_own(tmp_path: Path) -> None:
    folder = shutil.copytree(EXAMPLES, tmp_path / "tests")
    said = passed(run(folder, "-v"))
    assert " passed in " in said
    assert "warning" not in said
    assert "built anew" not in said
    assert not (folder / ".meshnet").exists()


WRONG = """
def test_wrong(lab, trace):
    assert trace(lab.client, lab.worker1, 8000).passes("swarm-worker1/ingress_sbox", mark=0x100, vxlan=4095)
"""


def test_a_wrong_sentence_shows_the_way_and_keeps_packets_trace_and_rules(tmp_path: Path) -> None:
    folder = written(tmp_path, WRONG)
    done = run(folder, "--lab-pcap")
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    marked = "│ mangle PREROUTING 1       mark 0x0 → 0x100"
    assert in_order(done.stdout, ["vxlan=4095", "request  observed", marked, "● delivered", "answer", "as predicted"])
    kept = folder / ".meshnet/test_mesh.py-test_wrong"
    assert str(kept) in done.stdout
    (trace,) = kept.glob("trace*.json")
    assert json.loads(trace.read_text())["difference"] is None
    way = {NamespaceRef("client"), NamespaceRef("swarm-worker1"), NamespaceRef("swarm-worker1", "ingress_sbox")}
    assert way <= places(trace.with_suffix(".pcapng"))
    assert way <= places(kept / "test.pcapng")
    rules = (kept / "rules/swarm-worker1/ingress_sbox").read_text()
    assert "--set-xmark 0x100" in rules


CHANGING = """
import pytest
from scapy.layers.inet import TCP

def test_changes_whatever_there_is(lab):
    lab.scale("whoami", 1)
    lab.docker("node update --availability drain swarm-worker2")
    lab.docker("service create --detach --name extra --publish 9000:8000 jwilder/whoami")
    lab.worker1.run("iptables -I FORWARD -j DROP; ip netns list; sleep 1000 >/dev/null 2>&1 &")
    lab.worker1.run("nsenter --net=/var/run/docker/netns/ingress_sbox ipvsadm -C").check()

def test_finds_nothing_changed(lab, trace):
    assert len(lab.tasks("whoami")) == 3
    assert "extra" not in lab.docker("service ls")
    assert "Drain" not in lab.docker("node ls")
    assert lab.bench.call("drift")["plan"] == []
    assert "sleep 1000" not in lab.worker1.says("ps ax")
    assert trace(lab.client, lab.worker1, 8000).reaches("whoami")

def test_cuts_a_cable(lab):
    lab.worker1.run("ip link set eth0 down").check()

def test_finds_it_whole(lab, trace):
    assert trace(lab.client, lab.worker1, 8000).answered
"""


def test_a_test_finds_nothing_of_what_the_one_before_it_did(tmp_path: Path) -> None:
    said = passed(run(written(tmp_path, CHANGING)))
    assert "4 passed" in said
    assert said.count("built anew") == 1


ABSENT = """
import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.vxlan import VXLAN

def curl(lab):
    lab.client.says(f"curl -s -m 5 {lab.worker1.address}:8000")

def test_none_is_none(lab, expect_no_packet):
    with expect_no_packet(at="*/ingress_sbox", match=TCP(dport=8001)):
        curl(lab)

def test_one_is_one_too_many(lab, expect_no_packet):
    with expect_no_packet(at="*/ingress_sbox", match=TCP(dport=8000)):
        curl(lab)

def test_one_is_enough(lab, expect_packet):
    with expect_packet(at="swarm-worker1//eth0", match=TCP(dport=8000)) as expected:
        curl(lab)
    assert expected.packet[IP].src == str(lab.client.address)

def test_none_is_too_few(lab, expect_packet):
    with expect_packet(at="swarm-worker1//eth0", match=TCP(dport=8001), within=0.2):
        curl(lab)

def test_the_test_that_fails_itself_is_not_talked_over(lab, expect_packet):
    with expect_packet(at="swarm-worker1//eth0", match=TCP(dport=8001), within=60):
        assert 1 == 2
"""


def test_what_is_expected_has_to_come_by_and_what_is_not_may_not(tmp_path: Path) -> None:
    said = run(written(tmp_path, ABSENT), "-rA").stdout
    assert "3 failed, 2 passed" in said, said
    for name in ("none_is_none", "one_is_enough"):
        assert f"PASSED test_mesh.py::test_{name}" in said
    assert "expected no TCP(dport=8000) at */ingress_sbox, found one" in said
    assert "expected TCP(dport=8001) at swarm-worker1//eth0 within 0.2 s, found" in said
    assert "assert 1 == 2" in said


def test_each_process_of_several_has_a_lab_of_its_own(tmp_path: Path) -> None:
    source = "def test_a(lab):\n    lab.scale('whoami', {0})\n    assert len(lab.tasks('whoami')) == {0}\n"
    for number in (1, 2):
        (tmp_path / f"test_{number}.py").write_text(source.format(number))
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    assert "2 passed" in passed(run(tmp_path, "-n", "2", "--dist", "loadfile"))


def test_a_lab_may_be_kept_to_be_looked_at(tmp_path: Path) -> None:
    folder = written(tmp_path, "def test_a(lab):\n    lab.scale('whoami', 1)\n")
    with subprocess.Popen([*PYTEST, "--lab-keep"], cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            kept = next(line for line in process.stdout if "is kept" in line)
            assert str(process.pid) in kept
            status = subprocess.run(
                [sys.executable, "-m", "meshnet", "status", "--lab", str(process.pid), "--json"],
                capture_output=True,
                text=True,
                check=True,
            )
            (whoami,) = (each for each in json.loads(status.stdout)["services"] if each["name"] == "whoami")
            assert whoami["running"] == 1
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=scaled(CONVERGED))
    assert process.returncode == 0


def test_a_failure_opens_the_labs_prompt_and_then_goes_on(tmp_path: Path) -> None:
    folder = written(tmp_path, "def test_a(lab):\n    assert not lab.name\n\ndef test_b(lab):\n    pass\n")
    ours, theirs = os.openpty()
    arguments = {"cwd": folder, "stdin": theirs, "stdout": theirs, "stderr": theirs, "start_new_session": True}
    with subprocess.Popen([*PYTEST, "--color=no", "--lab-shell-on-failure"], **arguments) as process:  # type: ignore[call-overload]
        os.close(theirs)
        heard = until(ours, "mininet> ")
        os.write(ours, b"swarm-worker1 hostname\n")
        heard += until(ours, "mininet> ")
        os.write(ours, b"\x04")
        heard += until(ours, "1 passed")
        process.wait(timeout=scaled(CONVERGED))
    os.close(ours)
    assert in_order(heard, ["test_a failed; this is its lab", "mininet> ", "swarm-worker1\r\n", "1 failed, 1 passed"])


def until(terminal: int, text: str) -> str:
    """What it shows up to that, or to its end."""
    heard = b""
    while text.encode() not in heard:
        try:
            piece = os.read(terminal, 4096)
        except OSError:
            piece = b""
        if not piece:
            break
        heard += piece
    return heard.decode(errors="replace")
