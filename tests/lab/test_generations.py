"""The same swarm by each engine generation: other places for the same things, the same answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from meshnet.labfolder import Overrides
from meshnet.model import Generation
from tests.lab.labs import RunningLab, running

pytestmark = pytest.mark.lab

THREE_NODES = Path(__file__).parents[2] / "examples" / "three-nodes"
NODES = ("swarm-manager", "swarm-worker1", "swarm-worker2")


@pytest.fixture(scope="module", params=list(Generation))
def lab(request: pytest.FixtureRequest) -> Iterator[RunningLab]:
    with running(THREE_NODES, Overrides(engines=(request.param.value,))) as lab:
        yield lab


def containers(lab: RunningLab) -> set[str]:
    return {f"I'm {task['hostname']}" for task in lab.tasks("whoami")}


def from_task(lab: RunningLab, service: str, command: str) -> list[str]:
    """The command's output in each task's network namespace."""
    inside = "nsenter --net=/var/run/docker/netns/{sandbox} {command}"
    return [
        lab.run(task["node"], inside.format(sandbox=task["sandbox"], command=command)).text.strip()
        for task in lab.tasks(service)
    ]


def vip(lab: RunningLab, service: str, network: str) -> str:
    (found,) = (entry for entry in lab.status["services"] if entry["name"] == service)
    return str(found["vips"][network]).split("/")[0]


def test_the_kernel_holds_what_the_renderers_say(lab: RunningLab) -> None:
    assert lab.drift() == []


@pytest.mark.parametrize("node", NODES)
def test_published_ports_answer_on_every_node(lab: RunningLab, node: str) -> None:
    assert set(lab.answers(node, "127.0.0.1:8000", 2)) == containers(lab)
    assert set(lab.answers("client", f"{lab.address(node)}:8000", 2)) == containers(lab)


def test_a_task_reaches_another_service_by_its_vip(lab: RunningLab) -> None:
    address = vip(lab, "whoami", "my-demo")
    (answers,) = from_task(lab, "client", f"sh -c 'curl -s -m 5 {address}:8000; curl -s -m 5 {address}:8000'")
    assert set(answers.splitlines()) == containers(lab)


def test_a_task_reaches_its_own_service_by_its_vip(lab: RunningLab) -> None:
    address = vip(lab, "whoami", "my-demo")
    for answers in from_task(lab, "whoami", f"sh -c 'curl -s -m 5 {address}:8000; curl -s -m 5 {address}:8000'"):
        assert set(answers.splitlines()) == containers(lab)


def test_a_vip_answers_ping(lab: RunningLab) -> None:
    (answer,) = from_task(lab, "client", f"ping -c 1 -W 2 {vip(lab, 'whoami', 'my-demo')}")
    assert "1 received" in answer


def test_a_tasks_ingress_address_is_closed_to_other_tasks(lab: RunningLab) -> None:
    one, other = lab.tasks("whoami")
    address = other["addresses"]["ingress"].split("/")[0]
    inside = f"nsenter --net=/var/run/docker/netns/{one['sandbox']}"
    assert lab.run(one["node"], f"{inside} curl -s -m 2 {address}:8000").status == 28  # nothing comes back
