"""The article's lab on a real kernel: what it holds, and what packets do in it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest

from tests.lab.labs import RunningLab, running

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("article")]

NODES = ("swarm-manager", "swarm-worker1", "swarm-worker2")
BOTH = {"I'm cc9f97cc5056", "I'm f47e05019fd9"}


@pytest.fixture(scope="module")
def lab() -> Iterator[RunningLab]:
    """Scaled to two, as in the article."""
    with running() as lab:
        lab.client.call("scale", service="whoami", replicas=2)
        yield lab


def take_turns(answers: list[str]) -> bool:
    return set(answers) == BOTH and all(one != other for one, other in pairwise(answers))


@pytest.mark.parametrize("node", NODES)
def test_every_node_answers_itself_in_turn(lab: RunningLab, node: str) -> None:
    assert take_turns(lab.answers(node, "127.0.0.1:8000"))


@pytest.mark.parametrize("node", NODES)
def test_every_node_answers_from_outside_in_turn(lab: RunningLab, node: str) -> None:
    assert take_turns(lab.answers("client", f"{lab.address(node)}:8000"))


@pytest.mark.parametrize("node", NODES)
def test_every_node_answers_on_its_own_underlay_address(lab: RunningLab, node: str) -> None:
    assert take_turns(lab.answers(node, f"{lab.address(node)}:8000"))


def test_a_task_reaches_a_task_on_another_node_by_its_address(lab: RunningLab) -> None:
    (client,) = lab.tasks("client")
    manager_task = next(task for task in lab.tasks("whoami") if task["node"] == "swarm-manager")
    address = manager_task["addresses"]["my-demo"].split("/")[0]
    inside = f"nsenter --net=/var/run/docker/netns/{client['sandbox']}"
    assert lab.run(client["node"], f"{inside} curl -s -m 5 {address}:8000").check().text.strip() == "I'm cc9f97cc5056"


def test_a_task_reaches_a_service_by_its_vip_in_turn(lab: RunningLab) -> None:
    (client,) = lab.tasks("client")
    (service,) = (service for service in lab.status["services"] if service["name"] == "whoami")
    vip = service["vips"]["my-demo"].split("/")[0]
    inside = f"nsenter --net=/var/run/docker/netns/{client['sandbox']}"
    answers = [lab.run(client["node"], f"{inside} curl -s -m 5 {vip}:8000").check().text.strip() for _ in range(4)]
    assert take_turns(answers)


def test_an_unpublished_port_stays_shut(lab: RunningLab) -> None:
    assert lab.run("client", f"curl -s -m 2 {lab.address('swarm-manager')}:8001").status != 0


def test_the_kernel_holds_what_the_lab_wants_and_nothing_else(lab: RunningLab) -> None:
    assert lab.drift() == []


def test_a_rule_taken_away_is_named_by_the_drift(lab: RunningLab) -> None:
    lab.run("swarm-worker1", "iptables -t nat -F DOCKER-INGRESS").check()
    drift = lab.drift()
    lab.client.call("repair")
    assert any("swarm-worker1" in line and "DOCKER-INGRESS" in line and "--dport 8000" in line for line in drift)
    assert lab.drift() == []
    assert take_turns(lab.answers("swarm-worker1", "127.0.0.1:8000"))


def test_somebody_elses_rule_survives_a_change_of_the_swarm(lab: RunningLab) -> None:
    lab.run("swarm-worker1", "iptables -A INPUT -s 203.0.113.9 -j DROP").check()
    lab.client.call("scale", service="whoami", replicas=3)
    lab.client.call("scale", service="whoami", replicas=2)
    assert "203.0.113.9" in lab.run("swarm-worker1", "iptables -S INPUT").check().text
    lab.run("swarm-worker1", "iptables -D INPUT -s 203.0.113.9 -j DROP").check()
    assert lab.drift() == []


def test_scaling_up_and_down_is_followed_everywhere(lab: RunningLab) -> None:
    lab.client.call("scale", service="whoami", replicas=5)
    assert len(set(lab.answers("swarm-worker1", "127.0.0.1:8000", 5))) == 5
    assert len(set(lab.answers("client", f"{lab.address('swarm-worker2')}:8000", 5))) == 5
    lab.client.call("scale", service="whoami", replicas=2)
    assert take_turns(lab.answers("swarm-worker1", "127.0.0.1:8000"))
    assert lab.drift() == []


def test_a_service_scaled_to_nothing_answers_nowhere_until_it_is_back(lab: RunningLab) -> None:
    lab.client.call("scale", service="whoami", replicas=0)
    assert lab.run("client", f"curl -s -m 2 {lab.address('swarm-worker1')}:8000").status != 0
    lab.client.call("scale", service="whoami", replicas=2)
    assert len(set(lab.answers("swarm-worker1", "127.0.0.1:8000"))) == 2


@pytest.mark.parametrize("node", NODES)
def test_a_nodes_shell_is_the_nodes(lab: RunningLab, node: str) -> None:
    assert lab.run(node, "hostname").check().text == f"{node}\n"
    assert lab.run(node, "sudo -u root env X=1 hostname").check().text == f"{node}\n"
    assert "ingress_sbox" in lab.run(node, "ls /var/run/docker/netns").check().text.split()
    others = [other for other in NODES if other != node]
    for other in others:
        assert lab.run(node, f"ping -c 1 -W 2 {other}").status == 0


def test_busybox_runs_its_command_in_the_tasks_own_namespaces(lab: RunningLab) -> None:
    (client,) = lab.tasks("client")
    processes = lab.run(client["node"], "grep -lz '^while true' /proc/[0-9]*/cmdline").text
    found = lab.run(client["node"], "grep -laz 'while true' /proc/[0-9]*/cmdline").text.split()
    assert found, processes
    pid = found[0].split("/")[2]
    assert lab.run(client["node"], f"nsenter -t {pid} -u hostname").check().text.strip() == client["container"][:12]
    assert (
        lab.run(client["node"], f"readlink /proc/{pid}/ns/net").text.strip()
        == lab.run(
            client["node"], f"nsenter --net=/var/run/docker/netns/{client['sandbox']} readlink /proc/self/ns/net"
        ).text.strip()
    )
