"""What tests say of a trace, said of the article's cluster on paper."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from meshnet.path import trace_json
from meshnet.path.trace import Trace
from meshnet.pytest_plugin.claim import Claim
from meshnet.pytest_plugin.traced import Traced
from tests.path.journeys import TASK, TO_NOBODY, TO_WORKER1, parted, traced

SANDBOX = "swarm-worker1/ingress_sbox"


def said_of(trace: Trace) -> Traced:
    return Traced("client > worker1", trace_json.dump(trace))


THROUGH = said_of(traced(TO_WORKER1))
DEAD = said_of(traced(TO_NOBODY))
PARTED = said_of(parted())


@pytest.mark.parametrize(
    ("place", "conditions"),
    [
        (SANDBOX, {"mark": 0x100}),
        (SANDBOX, {"dnat": "172.19.0.2:8000", "mark": 0x100, "vxlan": 4096}),
        (SANDBOX, {"dnat": "172.19.0.2"}),
        (SANDBOX, {"ipvs": "10.255.0.7:8000"}),
        (SANDBOX, {"ipvs": True}),
        (SANDBOX, {"snat": "10.255.0.3", "rule": "nat POSTROUTING"}),
        ("swarm-worker1/*_sbox", {"rule": "--set-xmark 0x100"}),
        (f"{SANDBOX}/eth0", {}),
        ("swarm-worker1", {"rule": "nat DOCKER-INGRESS", "dnat": "172.19.0.2:8000"}),
        ("swarm-worker2", {}),
        (str(TASK), {"rule": "--to-ports 8000"}),
    ],
)
def test_what_is_so_may_be_said(place: str, conditions: dict[str, Any]) -> None:
    claim = THROUGH.passes(place, **conditions)
    assert claim, repr(claim)


@pytest.mark.parametrize(
    ("place", "conditions"),
    [
        ("swarm-manager", {}),
        ("swarm-manager/ingress_sbox", {"mark": 0x100}),
        (f"{SANDBOX}/eth7", {}),
        (SANDBOX, {"mark": 0x101}),
        (SANDBOX, {"dnat": "172.19.0.3"}),
        (SANDBOX, {"dnat": "172.19.0.2:80"}),
        (SANDBOX, {"snat": "10.255.0.4"}),
        (SANDBOX, {"ipvs": "10.255.0.8"}),
        (SANDBOX, {"vxlan": 4097}),
        (SANDBOX, {"rule": "nat DOCKER-INGRESS"}),
        ("swarm-worker1", {"ipvs": True}),
        ("swarm-worker1", {"mark": 0x100}),
        ("swarm-worker1", {"snat": "10.255.0.3", "mark": 0x100}),
        (str(TASK), {"vxlan": 4096}),
    ],
)
def test_what_is_not_so_may_not(place: str, conditions: dict[str, Any]) -> None:
    assert not THROUGH.passes(place, **conditions)


def test_all_conditions_have_to_hold_and_those_that_do_not_are_named() -> None:
    claim = THROUGH.passes(SANDBOX, mark=0x100, vxlan=4095, rule="nat POSTROUTING 3")
    assert not claim
    lacking, _, there = repr(claim).partition("but not with ")[2].partition(";")
    assert "vxlan=4095" in lacking and "rule=nat POSTROUTING 3" in lacking
    assert "mark" not in lacking
    assert "mark 0x0 → 0x100" in there


def test_a_place_it_does_not_come_to_is_told_with_those_that_it_does() -> None:
    assert f"never comes to swarm-manager, it comes through client > lab > swarm-worker1 > {SANDBOX} > " in repr(
        THROUGH.passes("swarm-manager")
    )


@pytest.mark.parametrize("name", ["whoami.3", "whoami", str(TASK)])
def test_a_task_is_reached_by_its_name_its_services_or_its_namespace(name: str) -> None:
    assert THROUGH.reaches(name)
    assert THROUGH.delivered


@pytest.mark.parametrize("name", ["whoami.1", "who", "swarm-worker2", "3"])
def test_nothing_else_is_reached(name: str) -> None:
    claim = THROUGH.reaches(name)
    assert not claim
    assert "whoami.3" in repr(claim)


def test_the_answer_is_asked_the_same() -> None:
    assert THROUGH.answered
    assert THROUGH.reply.reaches("client")
    assert THROUGH.reply.passes("swarm-worker2", vxlan=4096)
    assert not THROUGH.reply.passes("swarm-manager")


def test_where_it_dies_and_why_may_be_said() -> None:
    assert DEAD.dropped_at("client", why="no-neighbour")
    assert not DEAD.delivered
    assert not DEAD.answered


@pytest.mark.parametrize(
    "claim",
    [
        DEAD.dropped_at("swarm-worker1"),
        DEAD.dropped_at("client", why="no-route"),
        DEAD.dropped_at("client", rule="filter"),
        THROUGH.dropped_at(str(TASK)),
        DEAD.reaches("client"),
    ],
)
def test_and_not_what_it_did_not_die_of(claim: Claim) -> None:
    assert not claim


def test_what_parts_from_the_prediction_is_not_as_predicted() -> None:
    assert THROUGH.predicted_as_observed
    assert not PARTED.predicted_as_observed
    assert "the request parts from the prediction at hop 13" in repr(PARTED.predicted_as_observed)


def test_what_was_not_predicted_is_not_as_predicted() -> None:
    blank = Trace("article", TO_WORKER1, notes=("not taught: -m bpf",), observed=traced(TO_WORKER1).observed)
    assert repr(said_of(blank).predicted_as_observed) == "<not taught: -m bpf>"


def test_a_report_has_the_predicted_way_the_observed_and_where_they_part() -> None:
    report = PARTED.report
    assert report.index("request  predicted") < report.index("request  observed") < report.index("the request parts")
    assert not report.endswith("as predicted")
    assert THROUGH.report.endswith("as predicted")


def test_what_was_not_seen_whole_was_not_seen_as_predicted() -> None:
    claim = said_of(replace(traced(TO_WORKER1), lost={TASK: 3})).predicted_as_observed
    assert not claim
    assert repr(claim) == f"<frames or rule hits were lost in {TASK}>"
