"""What ``meshnet explain`` finds in a lab where one thing is not as it should be, and in labs where all is."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshnet.cli import main
from meshnet.lab.control.wire import Json
from meshnet.labfolder import Overrides
from tests.lab.labs import RunningLab, running
from tests.lab.observing.faults import (
    FAULTS,
    INGRESS,
    MANAGER,
    NODE,
    SANDBOX,
    WORKER1,
    WORKER2,
    Fault,
    file,
    filled,
    typed,
)

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("explain")]

EXAMPLES = Path(__file__).parents[3] / "examples"
PATIENCE = 60


@pytest.fixture(scope="module")
def lab() -> Iterator[RunningLab]:
    with running(EXAMPLES / "three-nodes", kernel="uml") as lab:
        yield lab


def explained(lab: RunningLab) -> Json:
    return lab.client.call("explain")


def found(document: Json) -> list[str]:
    """Its findings in a line each."""
    return [f"{each['node']}/{each['namespace']} {each['why']}: {each['text']}" for each in document["findings"]]


def put_right(lab: RunningLab, fault: Fault) -> None:
    typed(lab, fault.node, fault.inside, filled(lab, fault, fault.undo))
    lab.client.call("repair")


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_single_fault_is_the_one_finding(lab: RunningLab, fault: Fault) -> None:
    node, inside = fault.expected
    try:
        typed(lab, fault.node, fault.inside, filled(lab, fault, fault.command))
        document = explained(lab)
        expected = node, file(lab, node, inside), fault.why.value
        says = filled(lab, fault, fault.says)
    finally:
        put_right(lab, fault)
    assert [(each["node"], each["namespace"], each["why"]) for each in document["findings"]] == [expected], document
    assert says in document["findings"][0]["text"]
    assert not document["healthy"]


def test_two_faults_are_two_findings(lab: RunningLab) -> None:
    typed(lab, WORKER1, SANDBOX, "sysctl -qw net.ipv4.ip_forward=0")
    typed(lab, WORKER2, NODE, "iptables -t nat -F DOCKER-INGRESS")
    document = explained(lab)
    lab.client.call("repair")
    places = sorted((each["node"], each["namespace"]) for each in document["findings"])
    assert places == [(WORKER1, "ingress_sbox"), (WORKER2, "")]


def test_two_faults_of_which_either_stops_a_flow_are_two_findings(lab: RunningLab) -> None:
    typed(lab, WORKER1, SANDBOX, "sysctl -qw net.ipv4.ip_forward=0")
    typed(lab, WORKER1, NODE, "iptables -t nat -F DOCKER-INGRESS")
    document = explained(lab)
    lab.client.call("repair")
    places = sorted((each["node"], each["namespace"]) for each in document["findings"])
    assert places == [(WORKER1, ""), (WORKER1, "ingress_sbox")]


def test_what_is_otherwise_and_stops_nothing_is_drift_and_no_finding(lab: RunningLab) -> None:
    tasks = [task["addresses"]["ingress"].split("/")[0] for task in lab.tasks("whoami")]
    typed(lab, WORKER1, SANDBOX, f"ipvsadm -e -f 256 -r {tasks[0]}:0 -m -w 0")
    for node in (MANAGER, WORKER1, WORKER2):
        for inside in (NODE, SANDBOX, INGRESS):
            typed(lab, node, inside, "for f in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 1 > $f; done")
    document = explained(lab)
    for node in (MANAGER, WORKER1, WORKER2):
        for inside in (NODE, SANDBOX, INGRESS):
            typed(lab, node, inside, "for f in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 > $f; done")
    lab.client.call("repair")
    assert found(document) == []
    assert [line for line in document["drift"] if tasks[0] in line]


def test_a_port_that_no_task_listens_on_is_found_in_the_task(lab: RunningLab) -> None:
    lab.run(MANAGER, "docker service create -d --name deaf -p 8123:9999 jwilder/whoami").check()
    until = time.monotonic() + PATIENCE
    while not any(task["state"] == "running" for task in lab.tasks("deaf")) and time.monotonic() < until:
        time.sleep(0.2)
    document = explained(lab)
    (task,) = lab.tasks("deaf")
    lab.run(MANAGER, "docker service rm deaf").check()
    while (lab.tasks("deaf") or lab.drift()) and time.monotonic() < until:
        time.sleep(0.5)
    assert [(each["node"], each["namespace"], each["why"]) for each in document["findings"]] == [
        (task["node"], task["sandbox"], "no-listener")
    ]
    assert "9999" in document["findings"][0]["text"]


def test_a_service_scaled_up_and_down_is_healthy(lab: RunningLab) -> None:
    for replicas in (5, 1, 0, 2):
        lab.client.call("scale", service="whoami", replicas=replicas)
        assert found(explained(lab)) == [], replicas


def test_a_swarm_on_its_way_is_no_fault(lab: RunningLab) -> None:
    for replicas in (6, 1, 5, 2):
        lab.run(MANAGER, f"docker service scale -d whoami={replicas}").check()
        assert found(explained(lab)) == [], replicas


def test_a_drained_node_is_no_fault(lab: RunningLab) -> None:
    lab.run(MANAGER, f"docker node update --availability drain {WORKER1}").check()
    document = explained(lab)
    lab.run(MANAGER, f"docker node update --availability active {WORKER1}").check()
    assert found(document) == []


def test_the_lab_is_healthy_after_all_that(lab: RunningLab) -> None:
    document = explained(lab)
    assert (document["healthy"], found(document), document["notes"], document["drift"]) == (True, [], [], [])
    assert lab.drift() == []


OURS = ("--lab", str(os.getpid()))
"""Of the labs on this machine that of this test's process."""


def test_the_commands_say_what_is_wrong_and_put_it_right(lab: RunningLab, capsys: pytest.CaptureFixture[str]) -> None:
    typed(lab, WORKER1, NODE, "iptables -t nat -F DOCKER-INGRESS")
    assert main(["explain", *OURS]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "swarm-worker1  rule"
    assert "why     nat DOCKER-INGRESS is empty or gone" in lines[1]
    assert main(["drift", *OURS]) == 1
    drifted = capsys.readouterr().out
    assert "swarm-worker1: + nat DOCKER-INGRESS" in drifted
    assert main(["drift", *OURS, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["plan"] == drifted.splitlines()
    assert main(["repair", *OURS]) == 0
    assert capsys.readouterr().out == drifted
    assert main(["drift", *OURS]) == 0
    assert capsys.readouterr().out == "nothing differs\n"
    assert main(["repair", *OURS]) == 0
    assert capsys.readouterr().out == "nothing to repair\n"
    assert main(["explain", *OURS]) == 0
    assert capsys.readouterr().out.startswith("nothing found: ")


@pytest.mark.parametrize(
    ("example", "topology"),
    [("article", None), ("wordpress", None), ("article", "leafspine"), ("article", "twosite")],
)
def test_a_lab_just_built_is_healthy(example: str, topology: str | None) -> None:
    with running(EXAMPLES / example, Overrides(topology=topology), kernel="uml") as lab:
        document = explained(lab)
    assert (document["healthy"], found(document), document["drift"]) == (True, [], [])
    assert document["checked"]
    assert document["notes"] == []
