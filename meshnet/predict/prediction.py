"""Where a packet goes, and what is answered: the way of a probe on paper."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from ipaddress import IPv4Address

from meshnet.errors import NotTaughtError
from meshnet.netstate import NamespaceRef
from meshnet.netstate.world import World
from meshnet.path import Hop, Journey, Packet, Path, Probe, Stage, Verdict, Why
from meshnet.path.probe import TCP_SYN_LENGTH
from meshnet.predict import steps
from meshnet.predict.atlas import atlas_of
from meshnet.predict.bridging import bridge
from meshnet.predict.choices import Choices, every_way
from meshnet.predict.delivering import deliver
from meshnet.predict.frames import arrive, transmit
from meshnet.predict.receiving import forward, local_in, receive
from meshnet.predict.sending import leave, local_out, send
from meshnet.predict.settings import DEFAULT_TTL
from meshnet.predict.steps import Buffer
from meshnet.predict.walk import Memory, Taker, Walk

Choice = Mapping[tuple[NamespaceRef, int], IPv4Address]
"""Real servers by the namespace that balances and the mark it balances by."""

_TAKERS: Mapping[type, Taker] = {
    steps.LocalOut: local_out,
    steps.Leave: leave,
    steps.Transmit: transmit,
    steps.Arrive: arrive,
    steps.Bridge: bridge,
    steps.Receive: receive,
    steps.LocalIn: local_in,
    steps.Forward: forward,
    steps.Deliver: deliver,
}

_OPENING = {"tcp": "S", "sctp": "init", "icmp": "echo-request"}
_RESET_LENGTH = 40


@dataclass(frozen=True, slots=True)
class ServerChoice:
    """IPVS of ``at`` sent what bore ``mark`` to the real server ``address``."""

    at: NamespaceRef
    mark: int
    address: IPv4Address


@dataclass(frozen=True, slots=True)
class Prediction:
    """One way it may go. ``servers`` are IPVS's choices on it, in their order."""

    journey: Journey
    servers: tuple[ServerChoice, ...] = ()


def predict(
    world: World, probe: Probe, *, reply: bool = False, choose: Choice | None = None, hashed: bool = False
) -> tuple[Prediction, ...]:
    """All of ``ways``."""
    return tuple(ways(world, probe, reply=reply, choose=choose, hashed=hashed))


def ways(
    world: World, probe: Probe, *, reply: bool = False, choose: Choice | None = None, hashed: bool = False
) -> Iterator[Prediction]:
    """Every way that ``probe`` may go: one for each real server that IPVS may pick, in their order, or for the one that
    ``choose`` says; one for each of equal-cost next hops, or with ``hashed`` for one of them that stands for all; and
    where it hangs on what the kernel happens to remember of a neighbour, one for either case. With ``reply``, what
    answers it is walked back: TCP's answer, a datagram of the same length, an echo.

    Raises ``NotTaughtError`` where the way leads to what isn't known here."""
    if probe.destination.is_multicast or probe.destination == IPv4Address("255.255.255.255"):
        raise NotTaughtError(f"predict wasn't taught what is for many: {probe.destination}")
    atlas = atlas_of(world)
    found: list[Prediction] = []

    def run(choices: Choices) -> Prediction:
        return _predict(Memory(atlas, choices, choose or {}, hashed=hashed), probe, reply)

    for each in every_way(run):
        if each not in found:
            found.append(each)
            yield each


def _predict(memory: Memory, probe: Probe, reply: bool) -> Prediction:
    walk = Walk(memory, _TAKERS)
    request = walk.run(send(walk, Buffer(probe.origin, _packet(probe)), probe.source))
    answer = _answer(request.hops[-1]) if reply else None
    back = _walk_back(memory, request, answer) if answer is not None else None
    return Prediction(Journey(request, back), tuple(ServerChoice(*chosen) for chosen in memory.chosen))


def _packet(probe: Probe) -> Packet:
    """Its source is set when it's sent."""
    echo = probe.protocol == "icmp"
    return Packet(
        IPv4Address("0.0.0.0"),
        probe.destination,
        probe.protocol,
        probe.source_port,
        probe.source_port if echo else probe.port,
        _OPENING.get(probe.protocol, ""),
        probe.ttl,
        probe.length,
        mark=0,
    )


def _answer(end: Hop) -> Packet | None:
    """What the end of a request answers it with, None if nothing that is taught. The kernel answers echoes with DF
    unset, all else with DF."""
    asked = end.packet
    delivered = end.verdict is Verdict.DELIVERED
    refused = end.stage is Stage.STOP and end.cause is not None and end.cause.why is Why.NO_LISTENER
    if not (delivered or (refused and asked.protocol == "tcp")):
        return None
    if delivered and asked.protocol == "sctp":
        raise NotTaughtError("predict wasn't taught what an SCTP server answers")
    mirrored = replace(
        asked,
        source=asked.destination,
        destination=asked.source,
        source_port=asked.destination_port,
        destination_port=asked.source_port,
        ttl=DEFAULT_TTL,
        mark=0,
    )
    match asked.protocol:
        case "tcp":
            kind, length = ("SA", TCP_SYN_LENGTH) if delivered else ("RA", _RESET_LENGTH)
            return replace(mirrored, kind=kind, length=length)
        case "icmp":
            return replace(mirrored, kind="echo-reply", dont_fragment=False)
    return mirrored


def _walk_back(memory: Memory, request: Path, answer: Packet) -> Path:
    first, last = request.hops[0], request.hops[-1]
    walk = Walk(memory, _TAKERS, awaited=first)
    return walk.run(send(walk, Buffer(last.at, answer), answer.source))
