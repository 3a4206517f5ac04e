"""Capturing in a running lab, by the command and by the control stream."""

from __future__ import annotations

import fnmatch
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from meshnet.errors import UserError
from meshnet.lab.control.wire import Json
from meshnet.lab.deadlines import ANSWER, scaled
from meshnet.netstate import NamespaceRef
from meshnet.trace.capture.ring import number_of, numbered
from meshnet.trace.decode import decode_frame
from meshnet.trace.pcapng import Place, Reader
from meshnet.trace.seen import Sighting
from tests.lab.labs import RunningLab, running
from tests.trace.packets import udp

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("capture")]

MESHNET = [sys.executable, "-m", "meshnet"]
OURS = "ether proto 0x88b5"
"""What nobody but a test sends."""


@pytest.fixture(scope="module")
def lab() -> Iterator[RunningLab]:
    with running() as lab:
        yield lab


def capture(*arguments: str) -> list[str]:
    return [*MESHNET, "capture", "--lab", str(os.getpid()), *arguments]


@contextmanager
def capturing(*arguments: str, stdout: int = subprocess.PIPE) -> Iterator[subprocess.Popen[bytes]]:
    """The command, from when it captures on."""
    with subprocess.Popen(capture(*arguments), stdout=stdout, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        began = process.stderr.readline()
        assert began.startswith(b"capturing in "), began + process.stderr.read()
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def ended(process: subprocess.Popen[bytes], asked_to: signal.Signals | None = None) -> str:
    """What it says at its end, once it has ended well."""
    if asked_to is not None:
        process.send_signal(asked_to)
    _, said = process.communicate(timeout=scaled(ANSWER))
    assert process.returncode == 0, said
    return said.decode()


def send(lab: RunningLab, at: str, frames: list[bytes], interface: str | None = "eth0") -> None:
    data = [frame.hex() for frame in frames]
    assert lab.client.call("inject", at=at, interface=interface, frames=data) == {"sent": len(frames)}


def read(file: Path) -> list[Sighting]:
    return list(Reader().feed(file.read_bytes()))


def test_a_request_through_the_mesh_is_in_the_file_at_every_place_of_its_way(lab: RunningLab, tmp_path: Path) -> None:
    file = tmp_path / "mesh.pcapng"
    with capturing("-w", str(file)) as process:
        lab.answers("client", f"{lab.address('swarm-worker1').split('/')[0]}:8000", 3)
        assert ", 0 dropped" in ended(process, signal.SIGINT)
    places = {str(Place(seen.at, seen.interface)) for seen in read(file) if _is_for_the_mesh(seen)}
    for place in ("client//eth0", "lab//lan*-eth*", "swarm-worker1//eth0", "swarm-worker1//docker_gwbridge"):
        assert fnmatch.filter(places, place), (place, places)
    for place in ("swarm-worker1/ingress_sbox/eth*", "swarm-worker1/1-*/vxlan0"):
        assert fnmatch.filter(places, place), (place, places)


def _is_for_the_mesh(seen: Sighting) -> bool:
    packet = decode_frame(seen.data)
    return packet is not None and packet.innermost.destination_port == 8000


@pytest.mark.parametrize("asked_to", [signal.SIGINT, signal.SIGTERM])
def test_all_that_was_sent_before_the_end_is_there(lab: RunningLab, tmp_path: Path, asked_to: signal.Signals) -> None:
    file = tmp_path / "mesh.pcapng"
    with capturing("-w", str(file), "--filter", OURS, "--at", "client//eth0") as process:
        send(lab, "client", [numbered(number) for number in range(2000)])
        said = ended(process, asked_to)
    assert said == "2000 packets captured, 0 dropped\n"
    assert [number_of(seen.data) for seen in read(file)] == list(range(2000))


def test_what_is_captured_is_in_the_file_at_once_and_in_whole_blocks(
    lab: RunningLab, tmp_path: Path, eventually: Callable[[Callable[[], bool]], None]
) -> None:
    file = tmp_path / "mesh.pcapng"
    with capturing("-w", str(file), "--filter", OURS, "--at", "client") as process:
        for number in range(10):
            send(lab, "client", [numbered(number)])
            eventually(lambda number=number: [number_of(seen.data) for seen in read(file)] == list(range(number + 1)))  # type: ignore[misc]
        process.kill()
    assert len(read(file)) == 10


def test_it_ends_by_itself_after_so_many(lab: RunningLab, tmp_path: Path) -> None:
    file = tmp_path / "mesh.pcapng"
    with capturing("-w", str(file), "--filter", OURS, "--at", "client", "--count", "7", "--json") as process:
        send(lab, "client", [numbered(number) for number in range(20)])
        said, _ = process.communicate(timeout=scaled(ANSWER))
    assert json.loads(said) == {"packets": 7, "dropped": {}}
    assert [number_of(seen.data) for seen in read(file)] == list(range(7))


def test_it_ends_by_itself_after_some_time(lab: RunningLab) -> None:
    done = subprocess.run(capture("--seconds", "0.5", "--filter", OURS), capture_output=True, check=True)
    assert done.stderr.endswith(b"\n0 packets captured, 0 dropped\n")
    assert list(Reader().feed(done.stdout)) == []


def test_tcpdump_follows_it_and_it_ends_when_nobody_reads_any_more(lab: RunningLab) -> None:
    with capturing("--filter", "udp port 7777", "--at", "client//eth0") as process:
        command = ["tcpdump", "-nr", "-", "-c", "3"]
        with subprocess.Popen(command, stdin=process.stdout, stdout=subprocess.PIPE, text=True) as tcpdump:
            assert process.stdout is not None
            process.stdout.close()
            process.stdout = None
            packet = udp("0.0.0.0", 1234, lab.address("swarm-worker1").split("/")[0], 7777, b"x")
            send(lab, "client", [packet] * 3, None)
            assert tcpdump.communicate(timeout=scaled(ANSWER))[0].count(".7777: UDP, length 1") == 3
        send(lab, "client", [packet] * 3, None)
        assert "packets captured" in ended(process)


def test_on_a_terminal_it_is_one_line_a_frame(lab: RunningLab) -> None:
    ours, theirs = os.openpty()
    packet = udp("0.0.0.0", 1234, lab.address("swarm-worker1").split("/")[0], 7777, b"x")
    with capturing("--filter", "udp port 7777", "--at", "client//eth0", "--count", "1", stdout=theirs) as process:
        os.close(theirs)
        send(lab, "client", [packet], None)
        ended(process)
    line = os.read(ours, 10_000).decode()
    os.close(ours)
    assert " out client eth0 udp 192.168." in line
    assert line.endswith(":7777, 43 bytes\r\n")


def test_for_programs_it_is_one_object_a_frame(lab: RunningLab) -> None:
    with capturing("--filter", OURS, "--at", "client//eth0", "--count", "2", "--json") as process:
        send(lab, "client", [numbered(1), numbered(2)])
        said, _ = process.communicate(timeout=scaled(ANSWER))
    frames = [json.loads(line) for line in said.splitlines()]
    assert [frame["data"] for frame in frames] == [numbered(1).hex(), numbered(2).hex()]
    assert {(each["node"], each["namespace"], each["interface"], each["direction"]) for each in frames} == {
        ("client", "", "eth0", "out")
    }


WRONG = [
    (["--filter", "tcp prot 80"], r"expected a filter as tcpdump has them, found 'tcp prot 80'"),
    (["--at", "worker9"], r"expected a node, found 'worker9'; there are lab, client, swarm-manager"),
    (["--at", "swarm-worker1/eth0"], r"a node's own has no name: swarm-worker1//eth0"),
    (["--at", "client//eth9"], r"expected an interface, found 'client//eth9'; there are client//lo, client//eth0"),
    (["--seconds", "0"], r"expected a number of seconds above 0, found 0"),
    (["--snaplen", "3"], r"expected to keep 14 to 262144 bytes of a frame, found 3"),
    (["--lab", "nosuch"], r"no lab called nosuch"),
]


@pytest.mark.parametrize(("arguments", "sentence"), WRONG, ids=[" ".join(each) for each, _ in WRONG])
def test_a_mistake_is_one_sentence_and_leaves_no_file(
    lab: RunningLab, tmp_path: Path, arguments: list[str], sentence: str
) -> None:
    file = tmp_path / "mesh.pcapng"
    done = subprocess.run(capture(*arguments, "-w", str(file)), capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1
    assert not file.exists()


def test_a_file_that_can_not_be_written_is_one_sentence(lab: RunningLab, tmp_path: Path) -> None:
    done = subprocess.run(capture("-w", str(tmp_path)), capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.endswith(f"meshnet: -w: expected a file to write to, found {tmp_path}: Is a directory\n")


def test_a_namespace_that_comes_is_captured_in_and_one_that_goes_is_let_go_of(
    lab: RunningLab, tmp_path: Path, eventually: Callable[[Callable[[], bool]], None]
) -> None:
    file = tmp_path / "mesh.pcapng"
    count, before = len(lab.tasks("whoami")), _namespaces(lab)
    with capturing("-w", str(file)) as process:
        lab.client.call("scale", service="whoami", replicas=count + 1)
        (home,) = _namespaces(lab) - before

        def is_seen() -> bool:
            lab.run(home.node, f"nsenter --net=/var/run/docker/netns/{home.file} ping -c 1 -W 1 127.0.0.1").check()
            return home in {seen.at for seen in read(file)}

        eventually(is_seen)
        lab.client.call("scale", service="whoami", replicas=count)
        eventually(lambda: _packet_sockets(lab, home.node) == 1)
        assert ", 0 dropped" in ended(process, signal.SIGINT)


def test_a_client_that_goes_away_ends_its_capture(
    lab: RunningLab, eventually: Callable[[Callable[[], bool]], None]
) -> None:
    eventually(lambda: _packet_sockets(lab, "client") == 0)
    with capturing() as process:
        assert _packet_sockets(lab, "client") == 1
        process.kill()
        eventually(lambda: _packet_sockets(lab, "client") == 0)


def _packet_sockets(lab: RunningLab, node: str) -> int:
    return len(lab.run(node, "cat /proc/net/packet").check().text.splitlines()) - 1


def _namespaces(lab: RunningLab) -> set[NamespaceRef]:
    return {NamespaceRef(node["name"], file) for node in lab.status["nodes"] for file in node["namespaces"]}


INJECTED_WRONG = [
    ({"at": "worker9"}, "'worker9'"),
    ({"interface": "eth9"}, "client: expected one of the interfaces lo, eth0, found 'eth9'"),
    ({"frames": ["zz"]}, "expected frames as hexadecimal digits"),
    ({"interface": None}, "client: expected packet 1 to be IPv4"),
]


@pytest.mark.parametrize(("wrong", "sentence"), INJECTED_WRONG)
def test_what_can_not_be_sent_is_one_sentence(lab: RunningLab, wrong: Json, sentence: str) -> None:
    right: Json = {"at": "client", "interface": "eth0", "frames": [numbered(1).hex()]}
    with pytest.raises(UserError, match=sentence):
        lab.client.call("inject", **{**right, **wrong})
