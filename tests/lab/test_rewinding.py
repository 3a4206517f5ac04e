"""A lab goes back to its mark: swarm, kernel and programs are what they were, or it says that they can't be."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from meshnet.errors import LabError
from meshnet.lab.control.wire import Json
from tests.lab.labs import RunningLab, running

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("rewinding")]


@pytest.fixture(scope="module")
def started() -> Iterator[RunningLab]:
    with running() as lab:
        yield lab


@pytest.fixture
def lab(started: RunningLab) -> RunningLab:
    """Marked as it is now."""
    started.client.call("mark")
    return started


def swarm(lab: RunningLab) -> Json:
    """Its status without its version, which only grows."""
    return {name: value for name, value in lab.status.items() if name != "version"}


def test_without_a_mark_there_is_nothing_to_come_back_to(started: RunningLab) -> None:
    """The first test: the others make one."""
    with pytest.raises(LabError, match="no mark"):
        started.client.call("rewind")


def test_nothing_is_done_where_nothing_has_changed(lab: RunningLab) -> None:
    assert lab.client.call("rewind") == {"ended": 0, "restored": False, "repaired": []}


def test_tasks_that_were_scaled_away_are_back_under_their_ids(lab: RunningLab) -> None:
    before = swarm(lab)
    lab.client.call("scale", service="whoami", replicas=1)
    assert lab.client.call("rewind")["restored"]
    assert swarm(lab) == before
    answers = lab.answers("client", f"{lab.address('swarm-worker1')}:8000", 3)
    assert sorted(answers) == sorted(f"I'm {task['hostname']}" for task in lab.tasks("whoami"))


def test_what_docker_made_goes(lab: RunningLab) -> None:
    before = swarm(lab)
    lab.run(
        "swarm-manager",
        "docker node update --availability drain swarm-worker2 && docker network create -d overlay other"
        " && docker service create -d --name web --network other nginx && docker run -d --name mine busybox sleep 1000",
    ).check()
    lab.client.call("rewind")
    assert swarm(lab) == before
    assert lab.drift() == []
    assert lab.run("swarm-manager", "docker ps -a --format '{{.Names}}'").text.startswith("whoami.1.")


def test_a_task_that_is_asked_to_end_runs_again(lab: RunningLab) -> None:
    """busybox's shell doesn't mind SIGTERM, so its grace is still under way."""
    before = swarm(lab)
    lab.run("swarm-manager", "docker service scale -d client=0").check()
    lab.client.call("rewind")
    assert swarm(lab) == before
    assert lab.client.call("rewind")["restored"] is False


def test_rules_and_links_that_somebody_changed_are_repaired(lab: RunningLab) -> None:
    lab.run("swarm-worker1", "iptables -t nat -F && iptables -I FORWARD -j DROP && ip link del docker_gwbridge").check()
    assert lab.client.call("rewind")["repaired"]
    assert lab.drift() == []
    assert lab.answers("client", f"{lab.address('swarm-worker1')}:8000", 1)[0].startswith("I'm ")


def test_programs_left_in_the_background_are_ended(lab: RunningLab) -> None:
    lab.run("swarm-worker1", "sleep 4321 >/dev/null 2>&1 & setsid sleep 4321 >/dev/null 2>&1 &").check()
    assert lab.client.call("rewind")["ended"] == 2
    assert lab.run("swarm-worker1", "pgrep -f 'sleep 432[1]'").text == ""


def test_a_program_that_somebody_holds_goes_on(lab: RunningLab) -> None:
    with lab.process.client() as other:
        channel = other.open("run", node="client", argv=["sh", "-c", "read line; echo $line"], env={})
        assert channel
        lab.client.call("status")
        assert lab.client.call("rewind")["ended"] == 0


def test_connections_are_forgotten(lab: RunningLab) -> None:
    lab.answers("client", f"{lab.address('swarm-worker1')}:8000", 1)
    remembered = "cat /proc/net/nf_conntrack"
    if lab.run("swarm-worker1", remembered).status != 0:
        pytest.skip("this kernel shows no connections in /proc")
    assert "dport=8000" in lab.run("swarm-worker1", remembered).text
    lab.client.call("rewind")
    assert "dport=8000" not in lab.run("swarm-worker1", remembered).text


def test_bridges_forget_where_they_have_heard_of_whom(lab: RunningLab) -> None:
    learned = "cd /var/run/docker/netns && for ns in 1-*; do nsenter --net=$ns bridge fdb show br br0 dynamic; done"
    for _ in range(2):  # a task answers each
        lab.answers("client", f"{lab.address('swarm-worker1')}:8000", 1)
    assert "02:42" in lab.run("swarm-worker1", learned).check().text
    lab.client.call("rewind")
    assert "02:42" not in lab.run("swarm-worker1", learned).check().text


@pytest.mark.parametrize(
    ("node", "done", "undone"),
    [
        ("client", "ip addr add 192.0.2.1/24 dev eth0", "ip addr del 192.0.2.1/24 dev eth0"),
        ("client", "iptables -A OUTPUT -p tcp --dport 1 -j DROP", "iptables -F OUTPUT"),
        ("swarm-worker1", "ip addr add 192.0.2.1/24 dev eth0", "ip addr del 192.0.2.1/24 dev eth0"),
        ("swarm-worker1", "tc qdisc add dev eth0 root netem loss 50%", "tc qdisc del dev eth0 root"),
    ],
)
def test_what_nothing_puts_back_is_said(lab: RunningLab, node: str, done: str, undone: str) -> None:
    lab.run(node, done).check()
    with pytest.raises(LabError, match=node):
        lab.client.call("rewind")
    lab.run(node, undone).check()
    lab.client.call("rewind")
