"""Predict is held to what is seen, and not to itself: where a rule is gone from the kernel, what is seen parts from
what was predicted while it was there, and agrees with what is predicted now."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from meshnet.lab.control.wire import Json
from meshnet.path import Trace, trace_json
from meshnet.trace.fit import fit
from tests.lab.labs import RunningLab, running

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("deleted rules")]

SANDBOX, TASK = "ingress_sbox", "whoami.1"
NODE = "swarm-worker1"


@pytest.fixture(scope="module")
def started() -> Iterator[RunningLab]:
    """Of whoami one copy alone, or the next one in turn would be another's."""
    with running(kernel="uml") as lab:
        lab.client.call("scale", service="whoami", replicas=1)
        lab.client.call("mark")
        yield lab


@pytest.fixture
def lab(started: RunningLab) -> Iterator[RunningLab]:
    yield started
    started.client.call("rewind")


@dataclass(frozen=True, slots=True)
class Deleted:
    """A rule by its words in ``iptables-save``, of a node or of a namespace in it; and who meets it on which way."""

    table: str
    chain: str
    words: str
    inside: str = ""
    source: str = "client"
    destination: str = NODE


RULES = {
    "DNAT": Deleted("nat", "DOCKER-INGRESS", "-j DNAT"),
    "FORWARD's jump": Deleted("filter", "FORWARD", "-j DOCKER-INGRESS"),
    "ACCEPT": Deleted("filter", "DOCKER-INGRESS", "--dport 8000 -j ACCEPT"),
    "MASQUERADE": Deleted("nat", "POSTROUTING", "--src-type LOCAL -j MASQUERADE", source=NODE, destination="127.0.0.1"),
    "OUTPUT's jump": Deleted("nat", "OUTPUT", "-j DOCKER-INGRESS", source=NODE, destination="127.0.0.1"),
    "MARK": Deleted("mangle", "PREROUTING", "-j MARK", SANDBOX),
    "SNAT": Deleted("nat", "POSTROUTING", "--ipvs -j SNAT", SANDBOX),
    "REDIRECT": Deleted("nat", "PREROUTING", "-j REDIRECT", TASK),
    "the task's ACCEPT": Deleted("filter", "INPUT", "-j ACCEPT", TASK),
    "the answer's ACCEPT": Deleted("filter", "OUTPUT", "-j ACCEPT", TASK),
}


@pytest.mark.parametrize("name", RULES)
def test_without_a_rule_what_is_seen_parts_from_what_was_predicted_with_it(lab: RunningLab, name: str) -> None:
    rule, port = RULES[name], 41000 + list(RULES).index(name)
    before = traced(lab, rule, port, predict_only=True)
    assert before.predicted
    delete(lab, rule)
    after = traced(lab, rule, port)
    assert after.parting is None
    assert not after.lost
    assert after.observed is not None
    fitting = fit(after.observed, before.predicted)
    assert fitting is not None
    assert fitting.parting is not None


def traced(lab: RunningLab, rule: Deleted, source_port: int, *, predict_only: bool = False) -> Trace:
    asked: Json = {"source": rule.source, "destination": rule.destination, "port": 8000, "source_port": source_port}
    return trace_json.load(lab.client.call("trace", **asked, predict_only=predict_only))


def delete(lab: RunningLab, rule: Deleted) -> None:
    """The one rule there that has those words."""
    node, enter = place(lab, rule.inside)
    saved = lab.run(node, f"{enter}iptables-save -t {rule.table}").check().text.splitlines()
    (line,) = (line for line in saved if line.startswith(f"-A {rule.chain} ") and rule.words in line)
    lab.run(node, f"{enter}iptables -t {rule.table} -D {line.removeprefix('-A ')}").check()


def place(lab: RunningLab, inside: str) -> tuple[str, str]:
    """The node, and what goes before a command to run it in that namespace."""
    if not inside:
        return NODE, ""
    if inside == SANDBOX:
        return NODE, f"nsenter --net=/var/run/docker/netns/{SANDBOX} "
    (task,) = lab.tasks("whoami")
    return task["node"], f"nsenter --net=/var/run/docker/netns/{task['sandbox']} "
