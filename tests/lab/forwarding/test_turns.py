"""Whose turn it is, and what becomes of a packet on its way: round robin, TTL, size."""

from __future__ import annotations

import pytest

from meshnet.pytest_plugin.lab import Lab
from meshnet.pytest_plugin.traced import TraceIt

pytestmark = [pytest.mark.lab(folder="."), pytest.mark.xdist_group("forwarding")]

SEVERAL, ONE = 7103, 7101
OVERLAY_MTU = 1450


def test_each_node_takes_turns_by_itself(lab: Lab, trace: TraceIt) -> None:
    """What one node has sent on is nothing to another: each goes round in its own order."""
    nodes = [lab.manager, lab.worker1, lab.worker2]
    order = {node.name: [str(trace("client", node, SEVERAL).request.hops[-1].at) for _ in range(3)] for node in nodes}
    again = {node.name: [str(trace("client", node, SEVERAL).request.hops[-1].at) for _ in range(3)] for node in nodes}
    assert order == again
    assert all(len(set(reached)) == 3 for reached in order.values())


def test_a_scaled_service_takes_turns_among_those_that_are_left(lab: Lab, trace: TraceIt) -> None:
    lab.scale("several", 2)
    reached = {str(trace("client", lab.worker1, SEVERAL).request.hops[-1].at) for _ in range(4)}
    assert reached == {task.place for task in lab.tasks("several")}


def test_routers_on_the_way_take_one_off_the_ttl_and_the_tunnel_none(lab: Lab, trace: TraceIt) -> None:
    """The node forwards, IPVS sends on; bridges and VXLAN don't count."""
    traced = trace("client", lab.manager, ONE)
    assert traced.request.hops[-1].packet.ttl == 64 - 2
    assert traced.reply.hops[-1].packet.ttl == 64 - 2


@pytest.mark.parametrize(("ttl", "place"), [(1, "swarm-manager"), (2, "swarm-manager/ingress_sbox")])
def test_a_packet_whose_ttl_is_used_up_ends_there(lab: Lab, trace: TraceIt, ttl: int, place: str) -> None:
    traced = trace("client", lab.manager, ONE, ttl=ttl)
    assert traced.dropped_at(place, why="ttl")
    assert traced.predicted_as_observed


def test_a_packet_as_large_as_the_overlay_takes_arrives_and_a_larger_one_does_not(lab: Lab, trace: TraceIt) -> None:
    fits = trace("asker.1", "one.1", 7, proto="udp", size=OVERLAY_MTU)
    assert fits.reaches("one.1")
    assert fits.predicted_as_observed
    too_large = trace("asker.1", "one.1", 7, proto="udp", size=OVERLAY_MTU + 1)
    assert too_large.dropped_at("swarm-worker2/*", why="mtu")


def test_what_fits_the_node_but_not_the_overlay_ends_in_the_sandbox(lab: Lab, trace: TraceIt) -> None:
    """An Ethernet's full size comes in; behind the sandbox the overlay takes 50 bytes less."""
    traced = trace("client", lab.manager, ONE, proto="udp", size=1500)
    assert traced.dropped_at("swarm-manager/ingress_sbox", why="mtu")
    assert traced.predicted_as_observed
    assert traced.reply.hops[0].packet.kind == "fragmentation-needed"
