"""Names in the article's lab, on a real kernel: asked by programs in real tasks, through the rules that lead to the
resolver."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.lab.labs import RunningLab, running

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("article")]

NOERROR, NXDOMAIN = 0, 3
OUTSIDE = "192.168.56.100"

ASK = """
import json, sys
from dnslib import DNSRecord
server, *questions = sys.argv[1:]
for question in questions:
    name, kind, protocol = question.split("/")
    reply = DNSRecord.parse(DNSRecord.question(name, kind).send(server, 53, tcp=protocol == "tcp", timeout=10))
    print(json.dumps([reply.header.rcode, reply.header.tc, [str(record.rdata) for record in reply.rr]]))
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[RunningLab]:
    with running() as lab:
        yield lab


def ask(lab: RunningLab, node: str, sandbox: str, *questions: str, server: str = "127.0.0.11") -> list[Any]:
    """What ``name/type/protocol`` questions got in a sandbox: code, whether truncated, and values."""
    inside = f"nsenter --net=/var/run/docker/netns/{sandbox} " if sandbox else ""
    asked = lab.run(node, f"{inside}{sys.executable} - {server} {' '.join(questions)}", stdin=ASK.encode()).check()
    return [json.loads(line) for line in asked.text.splitlines()]


def ask_in_client(lab: RunningLab, *questions: str) -> list[Any]:
    (client,) = lab.tasks("client")
    return ask(lab, client["node"], client["sandbox"], *questions)


def vip(lab: RunningLab, name: str) -> str:
    (service,) = (service for service in lab.status["services"] if service["name"] == name)
    return str(service["vips"]["my-demo"]).split("/")[0]


def own_addresses(lab: RunningLab, service: str) -> dict[str, str]:
    """A service's tasks' addresses on my-demo, by task name."""
    return {task["name"]: str(task["addresses"]["my-demo"]).split("/")[0] for task in lab.tasks(service)}


@pytest.mark.parametrize("protocol", ["udp", "tcp"])
def test_names_are_those_of_the_network(lab: RunningLab, protocol: str) -> None:
    names = ("whoami", "WHOAMI.my-demo", "tasks.whoami", "client")
    service, split, tasks, client = ask_in_client(lab, *(f"{name}/A/{protocol}" for name in names))
    assert service == split == [NOERROR, 0, [vip(lab, "whoami")]]
    assert client == [NOERROR, 0, [vip(lab, "client")]]
    assert sorted(tasks[2]) == sorted(own_addresses(lab, "whoami").values())


def test_tasks_of_both_generations_are_answered(lab: RunningLab) -> None:
    for task in lab.tasks("whoami"):
        assert ask(lab, task["node"], task["sandbox"], "client/A/udp") == [[NOERROR, 0, [vip(lab, "client")]]]


def test_tasks_addresses_are_shuffled(lab: RunningLab) -> None:
    answers = ask_in_client(lab, *["tasks.whoami/A/udp"] * 40)
    assert len({tuple(values) for _, _, values in answers}) > 1
    assert {frozenset(values) for _, _, values in answers} == {frozenset(own_addresses(lab, "whoami").values())}


def test_a_tasks_address_has_its_name(lab: RunningLab) -> None:
    for name, address in own_addresses(lab, "whoami").items():
        reverse = ".".join(reversed(address.split(".")))
        by_name, by_address = ask_in_client(lab, f"{name}/A/udp", f"{reverse}.in-addr.arpa/PTR/udp")
        assert by_name == [NOERROR, 0, [address]]
        assert by_address == [NOERROR, 0, [f"{name}.my-demo."]]


@pytest.mark.parametrize("protocol", ["udp", "tcp"])
def test_other_names_are_asked_outside_the_swarm(lab: RunningLab, protocol: str) -> None:
    unknown, host = ask_in_client(lab, f"nosuchname/A/{protocol}", f"swarm-manager/A/{protocol}")
    assert unknown == [NXDOMAIN, 0, []]
    assert host == [NOERROR, 0, [lab.address("swarm-manager")]]


def test_ingress_sandbox_knows_no_services(lab: RunningLab) -> None:
    assert ask(lab, "swarm-worker1", "ingress_sbox", "whoami/A/udp") == [[NXDOMAIN, 0, []]]


def test_programs_in_a_task_and_on_a_node_find_names_by_themselves(lab: RunningLab) -> None:
    (client,) = lab.tasks("client")
    (file,) = lab.run(client["node"], "grep -laz 'while true' /proc/[0-9]*/cmdline").text.split()[:1]
    within = f"nsenter -t {file.split('/')[2]} -m -n"
    found = lab.run(client["node"], f"{within} getent ahostsv4 whoami").check().text
    assert {line.split()[0] for line in found.splitlines()} == {vip(lab, "whoami")}
    assert lab.run("swarm-worker1", "cat /etc/resolv.conf").check().text == f"nameserver {OUTSIDE}\n"
    assert ask(lab, "swarm-worker1", "", "client/A/udp", server=OUTSIDE) == [[NOERROR, 0, [OUTSIDE]]]


def test_names_follow_scaling_and_long_answers_come_by_tcp(lab: RunningLab) -> None:
    lab.client.call("scale", service="whoami", replicas=20)
    cut, whole = ask_in_client(lab, "tasks.whoami/A/udp", "tasks.whoami/A/tcp")
    assert cut[1] == 1 and 0 < len(cut[2]) < 20
    assert whole[1] == 0 and sorted(whole[2]) == sorted(own_addresses(lab, "whoami").values())
    lab.client.call("scale", service="whoami", replicas=0)
    gone, tasks = ask_in_client(lab, "whoami/A/udp", "tasks.whoami/A/udp")
    assert gone == tasks == [NXDOMAIN, 0, []]
    lab.client.call("scale", service="whoami", replicas=2)
    back, tasks = ask_in_client(lab, "whoami/A/udp", "tasks.whoami/A/udp")
    assert back == [NOERROR, 0, [vip(lab, "whoami")]]
    assert sorted(tasks[2]) == sorted(own_addresses(lab, "whoami").values())
    assert lab.drift() == []
