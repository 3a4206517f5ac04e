"""The whole way of a packet and of its answer through the article's cluster; the kernels' captures and traces say the
same, hop by hop."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshnet.netstate import NamespaceRef
from meshnet.path import Probe
from meshnet.predict import Prediction, predict
from tests.mesh.article import CLIENT_1, CLUSTERS, WHOAMI_3, article
from tests.predict.worlds import CLIENT, ip, lines, on_lan

WAYS = Path(__file__).parent / "ways"
WORKER2 = NamespaceRef("swarm-worker2")
CLIENT_TASK = NamespaceRef("swarm-worker2", CLIENT_1.sandbox_file)
WHOAMI_TASK = NamespaceRef("swarm-worker2", WHOAMI_3.sandbox_file)

PROBES = {
    "client-to-a-node-without-a-task": ("20.10", Probe(CLIENT, ip("192.168.56.11"), "tcp", 8000, 40000)),
    "localhost-on-a-node": ("20.10", Probe(WORKER2, ip("127.0.0.1"), "tcp", 8000, 40000)),
    "task-to-its-gateway": ("20.10", Probe(CLIENT_TASK, ip("172.18.0.1"), "tcp", 8000, 40000)),
    "task-to-a-vip": ("20.10", Probe(CLIENT_TASK, ip("10.0.2.5"), "tcp", 8000, 40000)),
    "task-to-a-vip-18.03": ("18.03", Probe(CLIENT_TASK, ip("10.0.2.5"), "tcp", 8000, 40000)),
    "task-to-its-own-vip-18.03": ("18.03", Probe(WHOAMI_TASK, ip("10.0.2.5"), "tcp", 8000, 40000)),
    "task-pings-another": ("20.10", Probe(CLIENT_TASK, ip("10.0.2.7"), "icmp", None, 40000, length=84)),
}


def text(predictions: tuple[Prediction, ...]) -> str:
    """Every way, an empty line between them."""
    blocks = []
    for each in predictions:
        journey = each.journey
        answer = lines(journey.reply) if journey.reply else []
        title = ", ".join(f"{choice.address} by {choice.mark:#x} at {choice.at}" for choice in each.servers)
        blocks.append("\n".join([f"# {title or 'no choice'}", *lines(journey.request), "# and back", *answer, ""]))
    return "\n".join(blocks)


@pytest.mark.parametrize("way", PROBES)
def test_every_step_of_a_way_is_told_in_the_kernels_order(way: str) -> None:
    cluster, probe = PROBES[way]
    predictions = predict(on_lan(article(*CLUSTERS[cluster])), probe, reply=True)
    assert text(predictions) == (WAYS / f"{way}.txt").read_text()
