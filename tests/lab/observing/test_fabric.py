"""Between the machines is a routed fabric: what is traced and explained there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from meshnet.lab.control.wire import Json
from meshnet.labfolder import Overrides
from meshnet.path import Trace, trace_json
from tests.lab.labs import RunningLab, running

pytestmark = pytest.mark.lab

ARTICLE = Path(__file__).parents[3] / "examples" / "article"


@pytest.fixture(scope="module")
def lab() -> Iterator[RunningLab]:
    with running(ARTICLE, Overrides(topology="leafspine"), kernel="uml") as lab:
        yield lab


def traced(lab: RunningLab, **asked: Any) -> Trace:
    return trace_json.load(lab.client.call("trace", **asked))


PROBES: dict[str, Json] = {
    "from rack to rack, by either spine": {"source": "swarm-worker1", "destination": "swarm-manager"},
    "to a published port in another rack": {"source": "client", "destination": "swarm-manager", "port": 8000},
    "by a tunnel from rack to rack": {"source": "whoami.1", "destination": "whoami.2"},
    "too old for the fabric": {"source": "client", "destination": "swarm-manager", "ttl": 2},
    "to nobody in another rack": {"source": "client", "destination": "192.168.56.99"},
}


@pytest.mark.parametrize("name", PROBES)
def test_what_crosses_it_goes_as_predicted(lab: RunningLab, name: str) -> None:
    for _ in range(4):  # source ports are drawn, and with them which spine it is
        trace = traced(lab, **PROBES[name])
        assert trace.predicted
        assert (trace.parting, trace.notes) == (None, ())


def test_flows_are_spread_over_the_spines(lab: RunningLab) -> None:
    passed = set()
    for port in range(40000, 40016):
        trace = traced(lab, source="client", destination="swarm-manager", port=8000, source_port=port)
        assert trace.observed is not None
        passed |= {hop.at.node for hop in trace.observed.request.hops if hop.at.node.startswith("spine")}
    assert passed == {"spine1", "spine2"}


@dataclass(frozen=True)
class Fault:
    node: str
    command: str
    undo: str
    why: str
    says: str


ROUTE = "default nexthop via 100.64.0.1 dev eth1 nexthop via 100.64.0.3 dev eth2"
FAULTS = (
    Fault("leaf2", "ip link set eth1 down", "ip link set eth1 up", "link-down", "eth1 is down"),
    Fault("leaf1", "ip route del default", f"ip route add {ROUTE}", "no-route", f"the route is gone: {ROUTE}"),
    Fault(
        "spine1",
        "sysctl -qw net.ipv4.ip_forward=0",
        "sysctl -qw net.ipv4.ip_forward=1",
        "forwarding-off",
        "ip_forward is 0",
    ),
    Fault(
        "spine2",
        "iptables -A FORWARD -p udp --dport 4789 -j DROP",
        "iptables -F FORWARD",
        "rule",
        "-p udp -m udp --dport 4789 -j DROP",
    ),
)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.command)
def test_a_single_fault_in_it_is_the_one_finding(lab: RunningLab, fault: Fault) -> None:
    """A spine that fails stops some flows and not others."""
    lab.run(fault.node, fault.command).check()
    try:
        document = lab.client.call("explain")
    finally:
        lab.run(fault.node, fault.undo).check()
    found = [(each["node"], each["namespace"], each["why"]) for each in document["findings"]]
    assert found == [(fault.node, "", fault.why)], document
    assert fault.says in document["findings"][0]["text"]
    assert len(document["findings"][0]["affects"]) < len(document["checked"])


def test_it_is_healthy_after_all_that(lab: RunningLab) -> None:
    document = lab.client.call("explain")
    assert (document["healthy"], document["notes"], document["drift"]) == (True, [], [])
