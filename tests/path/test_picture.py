from __future__ import annotations

from dataclasses import replace

import pytest

from meshnet.netstate import NamespaceRef
from meshnet.path import Packet
from meshnet.path.changes import changes
from meshnet.path.explanation import explanation
from meshnet.path.picture import Line, picture, plain
from meshnet.path.trace import Trace
from tests.path.journeys import TO_NOBODY, TO_WORKER1, parted, predicted, traced
from tests.predict.worlds import ip

REQUEST = """\
request  observed
client
  ○ send                            tcp 192.168.56.100:40000 > 192.168.56.11:8000 S  +0 µs
  → eth0                            192.168.56.0/24 dev eth0 proto kernel scope link src 192.168.56.100  +1 µs
"""


def shown(trace: Trace, **options: bool) -> str:
    return plain(picture(trace, **options))


def test_a_picture_begins_where_the_packet_does() -> None:
    assert shown(traced(TO_WORKER1)).startswith(REQUEST)


def test_every_namespace_is_named_and_those_inside_a_node_lie_deeper() -> None:
    lines = shown(traced(TO_WORKER1), answers=False).splitlines()
    places = [line for line in lines if line.strip().startswith(("client", "lab", "swarm-"))]
    assert [place.strip() for place in places] == [
        "client",
        "lab",
        "swarm-worker1",
        "swarm-worker1/ingress_sbox",
        "swarm-worker1/1-uz1kgf9j6m",
        "swarm-worker1",
        "lab",
        "swarm-worker2",
        "swarm-worker2/1-uz1kgf9j6m",
        next(place.strip() for place in places if "whoami.3" in place),
    ]
    assert {place.index(place.strip()) for place in places if "/" in place} == {6}


@pytest.mark.parametrize(
    "line",
    [
        "│ nat DOCKER-INGRESS 1            dst 192.168.56.11:8000 → 172.19.0.2:8000  -p tcp -m tcp --dport 8000",
        "│ mangle PREROUTING 1       mark 0x0 → 0x100  -p tcp -m tcp --dport 8000 -j MARK --set-xmark 0x100/0xffffffff",
        "│ IPVS                      dst 172.19.0.2:8000 → 10.255.0.7:8000",
        "src 192.168.56.100:40000 → 10.255.0.3:40000  -d 10.255.0.0/16 -m ipvs --ipvs -j SNAT --to-source 10.255.0.3",
        "in VXLAN 4096, 192.168.56.11 > 192.168.56.12:4789",
        "out of VXLAN 4096",
        "-j REDIRECT --to-ports 8000",
        "● delivered",
        "as predicted",
    ],
)
def test_each_rewrite_is_shown_with_what_did_it(line: str) -> None:
    assert line in shown(traced(TO_WORKER1))


def test_jumps_are_hidden_unless_all_is_asked_for() -> None:
    jump = "-j DOCKER-INGRESS"
    assert jump not in shown(traced(TO_WORKER1))
    assert jump in shown(traced(TO_WORKER1), everything=True)


def test_answers_can_be_left_out() -> None:
    assert "answer" in shown(traced(TO_WORKER1))
    assert "answer" not in shown(traced(TO_WORKER1), answers=False)


def test_a_packet_that_ends_says_where_why_and_what_would_mend_it() -> None:
    lines = shown(traced(TO_NOBODY)).splitlines()
    where, why, mend = (
        next(line for line in lines if line.startswith(f"  {word}")) for word in ("where", "why", "mend")
    )
    assert where.split() == ["where", "client"]
    assert "192.168.56.77" in why
    assert "192.168.56.77" in mend


def test_where_seen_and_predicted_part_both_are_shown() -> None:
    text = shown(parted())
    assert "the request parts from what was predicted at its hop 13:" in text
    last = text.splitlines()[-2:]
    assert [line.split()[0] for line in last] == ["predicted", "observed"]


def test_without_a_packet_sent_every_way_it_may_go_is_shown() -> None:
    ways = predicted(TO_WORKER1)
    text = shown(Trace("article", TO_WORKER1, ways))
    assert text.count("request  predicted") == len(ways) == 2
    assert "way 2 of 2" in text


def test_what_was_lost_and_what_is_to_be_known_comes_first() -> None:
    text = shown(Trace("article", TO_WORKER1, lost={NamespaceRef("client"): 3}, notes=("predict wasn't taught this",)))
    assert text == "note: predict wasn't taught this\n3 frames or rule hits of client were lost: there may be gaps"


PACKET = Packet(ip("10.0.0.1"), ip("10.0.0.2"), "tcp", 40000, 80, "S", 64, 60, mark=0)


@pytest.mark.parametrize(
    ("after", "said"),
    [
        ({}, []),
        ({"ttl": 63}, ["ttl 64 → 63"]),
        ({"mark": None}, []),
        ({"mark": 0x100}, ["mark 0x0 → 0x100"]),
        ({"destination_port": 8000}, ["dst 10.0.0.2:80 → 10.0.0.2:8000"]),
        ({"length": 40}, ["length 60 → 40"]),
        ({"kind": "SA"}, ["tcp 10.0.0.1:40000 > 10.0.0.2:80 SA"]),
    ],
)
def test_a_change_is_a_phrase(after: dict[str, object], said: list[str]) -> None:
    assert list(changes(PACKET, replace(PACKET, **after))) == said  # type: ignore[arg-type]


FINDING = {
    "node": "swarm-worker1",
    "namespace": "ingress_sbox",
    "why": "rule",
    "text": "something is missing",
    "mend": "put it there",
    "affects": ["a > b", "c > d"],
    "ends": {"node": "swarm-worker2", "namespace": "", "text": "no socket takes it"},
    "trace": None,
}


def test_findings_say_where_why_and_whom_they_affect() -> None:
    lines: list[Line] = list(explanation({"healthy": False, "checked": [], "findings": [FINDING], "notes": ["odd"]}))
    assert plain(lines).splitlines() == [
        "swarm-worker1/ingress_sbox  rule",
        "  why     something is missing",
        "  ends    at swarm-worker2: no socket takes it",
        "  mend    put it there",
        "  affects a > b, c > d",
        "odd",
    ]


def test_a_finding_at_which_packets_end_says_so_once() -> None:
    ends = {key: FINDING[key] for key in ("node", "namespace", "text")}
    lines = explanation({"healthy": False, "findings": [{**FINDING, "ends": ends}], "notes": []})
    assert "ends" not in plain(lines)


def test_a_healthy_lab_says_how_much_was_tried() -> None:
    document = {"healthy": True, "checked": ["a > b", "c > d"], "findings": [], "notes": []}
    assert plain(explanation(document)) == "nothing found: 2 flows tried, all of them work"
