"""Random rules and packets: what the paper says matched is what the kernel counted, and what left is what it says."""

from __future__ import annotations

import time
from collections.abc import Iterator
from random import Random

import pytest

from meshnet.errors import NotTaughtError
from meshnet.path import Packet
from tests.predict.netfilter.drawn_rules import PORTS, draw_rules
from tests.predict.netfilter.paper_router import ENDS, Left, PaperRouter, answer_to
from tests.predict.netfilter.router import CLIENT, ROUTER_ADDRESSES, SERVER, KernelRouter

pytestmark = pytest.mark.lab

_KINDS = {"tcp": ("S", "S", "S", "A", "SA", "RA", "FA"), "udp": ("",), "icmp": ("echo-request",) * 3 + ("echo-reply",)}


@pytest.fixture(scope="module")
def kernel() -> Iterator[KernelRouter]:
    router = KernelRouter()
    yield router
    router.close()


class Scenario:
    """Some packets, drawn one after the other: fresh ones, the same again, answers to what has arrived."""

    def __init__(self, kernel: KernelRouter, seed: int) -> None:
        self._kernel, self._draw = kernel, Random(seed)
        self._port = 1100 + 20 * seed
        self.rules = draw_rules(self._draw, self._port + 10)
        self._paper = PaperRouter(kernel.load(self.rules))
        self._sent: list[tuple[str, Packet]] = []
        self._arrived: list[tuple[str, Packet]] = []
        self.told: list[str] = []

    def play(self) -> bool:
        """Whether it came to its end: it doesn't where the kernel has drawn a port."""
        for _ in range(self._draw.randrange(2, 7)):
            origin, packet = self._next()
            self.told.append(f"{origin} sends {packet}")
            left = self._paper.send(packet) if origin == "router" else self._paper.take(ENDS[origin][0], packet)
            self._kernel.send(origin, packet)
            if not all(self._leaves(each) for each in left):
                return False
        return True

    def check_counts(self) -> None:
        deadline = time.monotonic() + 1
        while self._kernel.counted() != self._paper.counts and time.monotonic() < deadline:
            time.sleep(0.02)
        counted = self._kernel.counted()
        wrong = {
            place: (self._paper.counts[place], counted[place])
            for place in {*counted, *self._paper.counts}
            if self._paper.counts[place] != counted[place]
        }
        assert not wrong, f"(paper, kernel): {wrong}\n{self}"
        for end in ENDS:
            assert self._kernel.arrived(end, 0.0) is None, str(self)

    def _next(self) -> tuple[str, Packet]:
        answers = [
            (where, answer)
            for where, packet in self._arrived
            if (answer := answer_to(packet)) is not None and answer.destination != ENDS[where][1]
        ]
        answers = [each for each in answers if self._may_go_on(each[1])]
        if answers and self._draw.random() < 0.6:
            return self._draw.choice(answers)
        again = [each for each in self._sent if self._may_go_on(each[1])]
        if again and self._draw.random() < 0.3:
            return self._draw.choice(again)
        self._sent.append(self._fresh())
        return self._sent[-1]

    def _may_go_on(self, packet: Packet) -> bool:
        """What comes of a TCP connection that was reset isn't followed on paper."""
        return packet.protocol != "tcp" or not any("R" in each.kind for _, each in (*self._arrived, *self._sent))

    def _fresh(self) -> tuple[str, Packet]:
        draw = self._draw
        origin = draw.choice(("client", "client", "server", "router"))
        own = ENDS[origin][1] if origin in ENDS else draw.choice(ROUTER_ADDRESSES)
        to = draw.choice([address for address in (CLIENT, SERVER, SERVER, *ROUTER_ADDRESSES) if address != own])
        protocol = draw.choice(("tcp", "udp", "icmp"))
        port = self._port + draw.randrange(2)
        other = port if protocol == "icmp" else draw.choice(PORTS)
        kind = draw.choice(_KINDS[protocol]) if origin in ENDS or protocol != "icmp" else "echo-request"
        return origin, Packet(own, to, protocol, port, other, kind, mark=0)

    def _leaves(self, left: Left) -> bool:
        arrived = self._kernel.arrived(left.to)
        assert arrived is not None, f"expected at {left.to}: {left.packet}\n{self}"
        for paper, real in zip((left.packet, left.quoted), arrived, strict=True):
            if paper is None or real is None:
                assert paper is real, f"{paper} is not {real}\n{self}"
                continue
            if paper.source_port is None and real.source_port is not None:
                return False
            assert str(paper) == str(real), f"paper: {paper}, kernel: {real}\n{self}"
        self.told.append(f"{left.to} gets {arrived[0]}")
        self._arrived.append((left.to, arrived[0]))
        return True

    def __str__(self) -> str:
        return "\n".join([self.rules, *self.told])


@pytest.mark.parametrize("seed", range(60))
def test_rules_that_match_on_paper_are_those_that_count_in_the_kernel(kernel: KernelRouter, seed: int) -> None:
    scenario = Scenario(kernel, seed)
    try:
        ended = scenario.play()
    except NotTaughtError as error:
        pytest.skip(str(error))
    if ended:
        scenario.check_counts()
