"""From container to container: by virtual address, and past it."""

from __future__ import annotations

import pytest

from meshnet.path import Stage
from meshnet.pytest_plugin.lab import Lab
from meshnet.pytest_plugin.traced import TraceIt

pytestmark = [pytest.mark.lab(folder="."), pytest.mark.xdist_group("forwarding")]

BOTH = pytest.mark.parametrize("proto", ["tcp", "udp"])
PORT = 7
"""What the tasks listen on: a virtual address has no published ports."""


@BOTH
def test_a_virtual_address_leads_to_each_task_in_turn(lab: Lab, trace: TraceIt, proto: str) -> None:
    reached = set()
    for _ in range(3):
        traced = trace("asker.1", "several", PORT, proto=proto)
        assert traced.reaches("several")
        assert traced.answered
        assert traced.passes("swarm-worker2/lb_*", ipvs=True, snat=True)
        assert traced.predicted_as_observed
        reached.add(traced.request.hops[-1].at)
    assert len(reached) == 3


def test_a_task_asks_the_virtual_address_of_its_own_service(lab: Lab, trace: TraceIt) -> None:
    places = [task.place for task in lab.tasks("several")]
    reached = [str(trace(places[0], "several", PORT).request.hops[-1].at) for _ in range(3)]
    assert sorted(reached) == sorted(places), "its own turn comes, too"


@BOTH
def test_a_task_is_reached_past_the_virtual_address(trace: TraceIt, proto: str) -> None:
    traced = trace("asker.1", "one.1", PORT, proto=proto)
    assert traced.reaches("one.1")
    assert traced.passes("swarm-worker2//eth0", vxlan=4097)
    assert not any(hop.stage is Stage.IPVS for hop in traced.request.hops)
    assert traced.predicted_as_observed


def test_a_virtual_address_answers_pings_by_itself(trace: TraceIt) -> None:
    """The sandbox that balances has it: no task hears of it."""
    traced = trace("asker.1", "several")
    assert traced.answered
    assert str(traced.request.hops[-1].at).startswith("swarm-worker2/lb_")


def test_nobody_has_the_virtual_address_of_a_service_without_a_task(lab: Lab, trace: TraceIt) -> None:
    """It comes with the first task, and goes with the last."""
    traced = trace("asker.1", "none", PORT)
    assert traced.dropped_at(lab.task("asker.1"), why="no-neighbour")
    assert traced.predicted_as_observed
