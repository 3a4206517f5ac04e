"""Whatever the swarm and whatever the packet: the way that is predicted is the way that is observed, hop by hop.

``MESHNET_EXAMPLES`` says how many swarms are drawn for each lab, ``MESHNET_SHRINK`` that one which fails is to be made
small, which takes the lab as long again some fifty times. scripts/test-long draws many.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from meshnet.lab.control.wire import Json
from meshnet.labfolder import Overrides
from meshnet.model import Protocol
from meshnet.orchestrator.command_json import command_to_json
from meshnet.path import trace_json
from meshnet.path.picture import picture, plain
from meshnet.path.trace import Trace
from tests.lab.drawn_swarms import Change, DrawnPacket, DrawnService, DrawnSwarm, Places, swarms
from tests.lab.labs import RunningLab, running
from tests.predict.worlds import lines

pytestmark = pytest.mark.lab

BARE = Path(__file__).parent / "stacks" / "bare"
LABS = {"20.10": ("20.10",), "18.06": ("18.06",), "the article's mixture": ("18.03", "swarm-worker1=18.06")}
EXAMPLES = int(os.environ.get("MESHNET_EXAMPLES", "5"))
PHASES = (Phase.explicit, Phase.reuse, Phase.generate, *((Phase.shrink,) if os.environ.get("MESHNET_SHRINK") else ()))
ALL = tuple(Protocol)
FOUND = {
    "a task asks its own service, which sends it to itself": DrawnSwarm(
        1,
        (DrawnService((0,), (), 1, "meshnet/echo"),),
        (),
        None,
        tuple(DrawnPacket("task", 0, "vip", 0, protocol, "target") for protocol in ("tcp", "udp", "icmp")),
    ),
    "a node asks itself by its gwbridge's address, and its own rule translates the source": DrawnSwarm(
        0,
        (DrawnService((), (), 1, "meshnet/echo"),),
        (),
        None,
        tuple(DrawnPacket("node", 0, "gwbridge", 0, protocol, "closed") for protocol in ("tcp", "udp", "sctp")),
    ),
    "nobody listens for SCTP, and nobody has ever": DrawnSwarm(
        0,
        (DrawnService((), (), 0, "meshnet/echo"),),
        (),
        None,
        tuple(DrawnPacket("sandbox", 1, to, 0, "sctp", "closed") for to in ("localhost", "own", "client")),
    ),
    "bridges have to flood, since they have heard of nobody yet": DrawnSwarm(
        1,
        (DrawnService((0,), ALL, 3, "meshnet/echo"),),
        (),
        None,
        (
            DrawnPacket("task", 1, "own", 0, "sctp", "published"),
            DrawnPacket("node", 1, "own", 0, "udp", "published"),
            DrawnPacket("task", 1, "own", 0, "tcp", "published"),
        ),
    ),
    "a task has the address that another had elsewhere": DrawnSwarm(
        1,
        (DrawnService((0,), (Protocol.TCP,), 3, "meshnet/echo"),),
        (0,),
        Change("drain", 1),
        tuple(DrawnPacket("sandbox", at, "task", to, "tcp", "target") for at, to in ((0, 0), (1, 1), (2, 2))),
    ),
    "an answer would go back to who has asked itself": DrawnSwarm(
        1,
        (DrawnService((0,), ALL, 2, "meshnet/echo"),),
        (1,),
        None,
        tuple(DrawnPacket("sandbox", at, "vip", 0, "udp", "published", ttl) for at in (0, 2) for ttl in (2, None)),
    ),
    "a datagram to a published port of a node's own localhost": DrawnSwarm(
        0,
        (DrawnService((), ALL, 2, "meshnet/echo"),),
        (),
        None,
        tuple(DrawnPacket("node", at, "localhost", 0, "udp", "published") for at in range(3)),
    ),
}
"""What was drawn when the two parted for the first time, made small by hand."""

MOST_REFUSED = 0.1
"""The part of all packets of which predict may say that it wasn't taught their way."""


@dataclass
class Tally:
    swarms: int = 0
    packets: int = 0
    refused: list[str] = field(default_factory=list)
    """What predict wasn't taught, once for each packet."""

    def __str__(self) -> str:
        return f"{self.swarms} swarms, {self.packets} packets, refused {len(self.refused)}: {sorted(set(self.refused))}"


@pytest.fixture(scope="module", params=LABS)
def lab(request: pytest.FixtureRequest) -> Iterator[RunningLab]:
    with running(BARE, Overrides(engines=LABS[request.param]), kernel="uml") as lab:
        lab.client.call("mark")
        yield lab


@pytest.mark.parametrize("name", FOUND)
def test_what_has_parted_once_agrees(lab: RunningLab, name: str) -> None:
    tally = Tally()
    assert not list(_disagreements(lab, FOUND[name], tally))
    assert not tally.refused


def test_every_packet_goes_where_it_was_predicted_to(lab: RunningLab) -> None:
    tally = Tally()

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        print_blob=True,
        phases=PHASES,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(swarms())
    def agree(drawn: DrawnSwarm) -> None:
        disagreements = list(_disagreements(lab, drawn, tally))
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{tally.swarms} of {EXAMPLES}: {tally}")
        assert not disagreements, "\n\n".join(disagreements)

    agree()
    sys.stdout.write(f"{tally}\n")
    assert len(tally.refused) <= MOST_REFUSED * tally.packets, tally


def _disagreements(lab: RunningLab, drawn: DrawnSwarm, tally: Tally) -> Iterator[str]:
    """What is to be read of each packet that went another way."""
    lab.client.call("rewind")
    status = lab.status
    for commands in (drawn.commands(), drawn.changing()):
        if commands:
            status = lab.client.call("change", asked=[command_to_json(each) for each in commands])
    tally.swarms += 1
    places = Places(status)
    for packet in drawn.packets:
        asked = places.request(packet)
        trace = trace_json.load(lab.client.call("trace", **asked))
        tally.packets += 1
        if not trace.predicted:
            tally.refused += trace.notes[:1]
        elif trace.parting is not None or trace.lost:
            yield _report(asked, trace)


def _report(asked: Json, trace: Trace) -> str:
    assert trace.observed is not None
    words = [f"{asked}", f"lost {dict(trace.lost)}, {trace.notes}"]
    for what, journey in (("predicted", trace.predicted[0]), ("observed", trace.observed)):
        words += [f"-- {what}", *lines(journey.request)]
        words += ["   and back", *lines(journey.reply)] if journey.reply else []
    comparison = plain(picture(trace)).rpartition("parts from")
    return "\n".join([*words, "-- it " + "".join(comparison[1:])])
