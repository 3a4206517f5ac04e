"""``meshnet trace`` in a lab: what is seen of a packet, and what the command says and ends with."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from meshnet.cli import main
from meshnet.kernel.boot.choose import choose_kernel
from meshnet.kernel.boot.needs import Feature
from meshnet.lab.control.wire import Frame
from meshnet.lab.launcher import LabProcess
from meshnet.labfolder import Overrides, load_lab
from meshnet.path import Hop, Stage, Trace, Verdict, trace_json
from tests.lab.labs import RunningLab, running

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("trace")]


@pytest.fixture(scope="module")
def lab() -> Iterator[RunningLab]:
    with running(kernel="uml") as started:
        yield started


def traced(lab: RunningLab, source: str, destination: str, port: int | None = None, **options: Any) -> Trace:
    document = lab.client.call("trace", source=source, destination=destination, port=port, **options)
    return trace_json.load(json.loads(json.dumps(document)))


def told(hops: tuple[Hop, ...]) -> list[str]:
    """Where and what, a line a hop, by which a person would know the way."""
    return [f"{hop.at} {hop.rule.text if hop.rule else f'{hop.stage} {hop.interface}'}" for hop in hops]


def in_order(lines: list[str], patterns: list[str]) -> None:
    """Each of the patterns is found, one after another."""
    rest = iter(lines)
    for pattern in patterns:
        assert any(re.search(pattern, line) for line in rest), f"no {pattern} in its place:\n" + "\n".join(lines)


def by_way_of(lab: RunningLab, node: str) -> Trace:
    """A trace through worker1 to the task on another node: real servers take turns."""
    for _ in range(4):
        trace = traced(lab, "client", "swarm-worker1", 8000)
        assert trace.observed is not None
        if trace.observed.request.hops[-1].at.node == node:
            return trace
    raise AssertionError(f"no connection came to {node}")


REQUEST = [
    r"^client send",
    r"^client out eth0",
    r"^lab in .*",
    r"^swarm-worker1 in eth0",
    r"^swarm-worker1 .*-j DNAT --to-destination 172\.19\.0\.2:8000",
    r"^swarm-worker1 out docker_gwbridge",
    r"^swarm-worker1/ingress_sbox in eth2",
    r"^swarm-worker1/ingress_sbox .*-j MARK --set-xmark 0x100",
    r"^swarm-worker1/ingress_sbox ipvs",
    r"^swarm-worker1/ingress_sbox .*--ipvs -j SNAT --to-source 10\.255\.0\.3",
    r"^swarm-worker1/1-uz1kgf9j6m out vxlan0",
    r"^swarm-worker1 out eth0",
    r"^swarm-worker2 in eth0",
    r"^swarm-worker2/1-uz1kgf9j6m in vxlan0",
    r"^swarm-worker2/18953d2ad2aa .*-j REDIRECT --to-ports 8000",
    r"^swarm-worker2/18953d2ad2aa .*-j ACCEPT",
    r"^swarm-worker2/18953d2ad2aa deliver",
]
REPLY = [
    r"^swarm-worker2/18953d2ad2aa send",
    r"^swarm-worker2/1-uz1kgf9j6m out vxlan0",
    r"^swarm-worker1/1-uz1kgf9j6m in vxlan0",
    r"^swarm-worker1/ingress_sbox ipvs",
    r"^swarm-worker1 in docker_gwbridge",
    r"^swarm-worker1 out eth0",
    r"^client in eth0",
    r"^client deliver",
]


def test_the_whole_way_through_a_node_without_the_task_is_told_in_order(lab: RunningLab) -> None:
    trace = by_way_of(lab, "swarm-worker2")
    assert trace.observed is not None and trace.observed.reply is not None
    in_order(told(trace.observed.request.hops), REQUEST)
    in_order(told(trace.observed.reply.hops), REPLY)
    assert trace.parting is None
    assert not trace.lost


def test_every_frame_has_a_time_and_each_comes_after_the_one_before(lab: RunningLab) -> None:
    trace = traced(lab, "client", "swarm-worker1", 8000)
    assert trace.observed is not None
    frames = [hop for hop in trace.observed.request.hops if hop.stage in (Stage.IN, Stage.OUT)]
    times = [hop.time for hop in frames]
    assert None not in times
    assert times == sorted(times, key=lambda time: time or 0)


def test_frames_are_explained_by_what_the_prediction_names(lab: RunningLab) -> None:
    trace = by_way_of(lab, "swarm-worker2")
    assert trace.observed is not None
    causes = {told((hop,))[0]: hop.cause.text for hop in trace.observed.request.hops if hop.cause}
    assert causes["client out eth0"].startswith("192.168.56.0/24 dev eth0")
    assert causes["swarm-worker1/1-uz1kgf9j6m out vxlan0"] == (
        "02:42:0a:ff:00:07 dev vxlan0 dst 192.168.56.12 self permanent"
    )


def test_a_trace_leaves_nothing_behind(lab: RunningLab) -> None:
    traced(lab, "client", "swarm-worker1", 8000)
    assert lab.drift() == []
    assert lab.run("swarm-worker1", "iptables -t raw -S; cat /proc/sys/net/netfilter/nf_log/2").check().text == (
        "-P PREROUTING ACCEPT\n-P OUTPUT ACCEPT\nnf_log_ipv4\n"
    )


def test_what_is_asked_of_predict_alone_is_not_sent(lab: RunningLab) -> None:
    trace = traced(lab, "client", "swarm-worker1", 8000, predict_only=True)
    assert trace.observed is None
    assert len(trace.predicted) == 3


def test_two_at_once_take_turns(lab: RunningLab) -> None:
    other = lab.process.client()
    first = lab.client.open("trace", source="client", destination="swarm-worker1", port=8000)
    assert trace_json.load(other.call("trace", source="client", destination="swarm-manager")).parting is None
    other.close()
    frames: list[Frame] = []
    while not frames:
        frames = [frame for frame in lab.client.receive() if frame.channel == first]
    assert trace_json.load(frames[-1].json).parting is None


def test_without_ipvs_this_kernel_tells_a_way_as_well() -> None:
    """On the machine's own kernel, whatever it lacks: from task to task over VXLAN."""
    spec = load_lab(Path("examples/three-nodes"), Overrides())
    choice = choose_kernel("host", without=frozenset({Feature.IPVS, Feature.NETEM, Feature.ESP}))
    process = LabProcess.start(choice.kind)
    try:
        process.bring_up(spec, choice, lambda stage: None)
        with process.client() as client:
            trace = trace_json.load(client.call("trace", source="client.1", destination="whoami.1", port=8000))
    finally:
        process.stop()
    assert trace.parting is None
    assert trace.observed is not None and trace.observed.request.verdict is Verdict.DELIVERED
    assert any(hop.packet.vni for hop in trace.observed.request.hops)


OURS = ("--lab", str(os.getpid()))
"""Of the labs on this machine that of this test's process: the last ``--lab`` counts."""

COMMANDS = {
    "delivered": (["client", "swarm-worker1:8000"], 0, "as predicted"),
    "a ping": (["client", "swarm-worker1"], 0, "● delivered"),
    "refused": (["client", "swarm-worker1:9"], 1, "mend  let something listen on tcp port 9"),
    "no route": (["client", "10.9.9.9:80"], 1, "✗ dropped"),
    "predicted": (["client", "whoami:8000", "--predict-only"], 1, "request  predicted"),
}


@pytest.mark.parametrize("row", COMMANDS)
def test_the_command_shows_the_way_and_its_status_says_how_it_ended(
    row: str, lab: RunningLab, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments, status, said = COMMANDS[row]
    assert main(["trace", *OURS, *arguments]) == status
    shown = capsys.readouterr()
    assert said in shown.out
    assert "\x1b" not in shown.out


def test_the_command_prints_the_document_for_programs(lab: RunningLab, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", *OURS, "client", "swarm-worker1:8000", "--json"]) == 0
    assert trace_json.load(json.loads(capsys.readouterr().out)).parting is None


MISTAKES = {
    "no such place": (["nowhere", "swarm-worker1"], "expected a machine, .* found 'nowhere'"),
    "no such target": (["client", "nobody:80"], "expected an address, .* found 'nobody'"),
    "no port number": (["client", "whoami:http"], "expected a port number after the colon"),
    "a port too high": (["client", "whoami:70000"], "expected a port of 1 to 65535, found 70000"),
    "a protocol that isn't": (["client", "whoami:80", "--proto", "gre"], "expected a protocol of tcp, udp, icmp, sctp"),
    "a ping to a port": (["client", "whoami:80", "--proto", "icmp"], "icmp has no ports"),
    "udp to no port": (["client", "whoami", "--proto", "udp"], "udp needs a port"),
    "a TTL of nothing": (["client", "whoami", "--ttl", "0"], "expected a TTL of 1 to 255, found 0"),
    "a size for TCP": (["client", "whoami:80", "--size", "100"], "has its own size"),
    "a size too small": (["client", "whoami", "--size", "10"], "expected a size in bytes of"),
    "a source port in use": (
        ["whoami.1", "client:80", "--source-port", "8000"],
        "expected a source port that no tcp socket of .* has, found 8000",
    ),
    "for many": (["client", "224.0.0.1:80"], "expected the address of one host"),
    "no such lab": (["client", "whoami:80", "--lab", "none"], "no lab called none is running"),
}


@pytest.mark.parametrize("row", MISTAKES)
def test_a_mistake_is_one_sentence(row: str, lab: RunningLab, capsys: pytest.CaptureFixture[str]) -> None:
    arguments, sentence = MISTAKES[row]
    assert main(["trace", *OURS, *arguments]) == 2
    said = capsys.readouterr().err
    assert re.search(sentence, said), said
    assert said.count("\n") == 1


def test_inside_a_node_the_command_finds_its_lab(lab: RunningLab) -> None:
    shown = lab.run("swarm-worker2", "meshnet trace client swarm-worker1:8000").check().text
    assert shown.splitlines()[-1] == "as predicted"
