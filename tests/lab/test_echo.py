"""Echoes through the mesh: datagrams, streams and SCTP's messages, each answered from the address that was asked."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshnet.labfolder import Overrides
from meshnet.model import Generation
from tests.lab.docker.terminal import Docker
from tests.lab.docker_clients import docker_clients
from tests.lab.labs import RunningLab, running

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("echo")]

HERE = Path(__file__).parent
NODES = ("swarm-manager", "swarm-worker1", "swarm-worker2")
PUBLISHED, TARGET = 7007, 7
SMALL, LARGE = 5, 60_000
"""Bytes: what fits in one packet, and what takes forty."""


@pytest.fixture(scope="module", params=[Generation.G18_03, Generation.G20_10])
def lab(request: pytest.FixtureRequest) -> Iterator[RunningLab]:
    """18.03 has the VIPs in the tasks, where an answer could come from the wrong one."""
    with running(HERE / "stacks" / "echo", Overrides(engines=(request.param.value,)), kernel="uml") as lab:
        yield lab


def asked(lab: RunningLab, node: str, questions: list[str], *, inside: str = "") -> list[str]:
    """The answers, got on a node or inside a namespace of it."""
    enter = f"nsenter --net=/var/run/docker/netns/{inside} " if inside else ""
    command = f"{enter}{sys.executable} {HERE / 'asking.py'} {' '.join(questions)}"
    return lab.run(node, command).check().text.splitlines()


def from_the_client(lab: RunningLab, questions: list[str]) -> list[str]:
    (task,) = lab.tasks("client")
    return asked(lab, task["node"], questions, inside=task["sandbox"])


def test_the_kernel_holds_the_rules_of_every_protocol(lab: RunningLab) -> None:
    assert lab.drift() == []


@pytest.mark.parametrize("protocol", ["udp", "tcp", "sctp"])
def test_a_published_echo_is_answered_through_every_node(lab: RunningLab, protocol: str) -> None:
    ways = [(lab.address(node), size) for node in NODES for size in (SMALL, SMALL, LARGE)]
    questions = [f"{protocol}:{address}:{PUBLISHED}:{size}" for address, size in ways]
    assert asked(lab, "client", questions) == [f"{address} {PUBLISHED} {size}" for address, size in ways]


@pytest.mark.parametrize("protocol", ["udp", "tcp"])
def test_a_node_is_answered_on_its_own_loopback_address(lab: RunningLab, protocol: str) -> None:
    for node in NODES:
        questions = [f"{protocol}:127.0.0.1:{PUBLISHED}:{SMALL}"] * 2
        assert asked(lab, node, questions) == [f"127.0.0.1 {PUBLISHED} {SMALL}"] * 2


@pytest.mark.parametrize("protocol", ["udp", "tcp", "sctp"])
def test_a_vip_answers_a_task_of_its_network(lab: RunningLab, protocol: str) -> None:
    (service,) = (service for service in lab.status["services"] if service["name"].endswith("echo"))
    vip = next(vip for network, vip in service["vips"].items() if network != "ingress").split("/")[0]
    questions = [f"{protocol}:{vip}:{TARGET}:{size}" for size in (SMALL, SMALL, LARGE)]
    assert from_the_client(lab, questions) == [f"{vip} {TARGET} {size}" for size in (SMALL, SMALL, LARGE)]


def test_a_task_is_answered_by_another_itself(lab: RunningLab) -> None:
    for task in lab.tasks("echo"):
        address = next(address for network, address in task["addresses"].items() if network != "ingress").split("/")[0]
        assert from_the_client(lab, [f"udp:{address}:{TARGET}:{LARGE}"]) == [f"{address} {TARGET} {LARGE}"]


def test_an_echo_made_at_the_command_line_says_who_asked(lab: RunningLab) -> None:
    docker = Docker(lab, docker_clients()[0])
    docker("service create -d --no-resolve-image --name typed -p 7008:7 -p 7008:7/udp meshnet/echo")
    docker.until("service ps typed --format '{{.CurrentState}}'", lambda said: "Running" in said)
    ways = [(protocol, lab.address(node)) for protocol in ("udp", "tcp") for node in NODES]
    answers = asked(lab, "client", [f"{protocol}:{address}:7008:{SMALL}" for protocol, address in ways])
    assert answers == [f"{address} 7008 {SMALL}" for _, address in ways]
    said = docker("service logs --raw typed").splitlines()
    docker("service rm typed")
    assert [line.split()[-1] for line in said] == ["UDP"] * 3 + ["TCP"] * 3
    entries = [line.split(" from ")[1].split()[0] for line in said]
    assert entries[:3] == entries[3:]
    assert len(set(entries)) == len(NODES)
