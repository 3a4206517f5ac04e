"""One packet's way, step by step, and what namespaces remember of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from ipaddress import IPv4Address
from typing import Any
from zlib import crc32

from meshnet.errors import InputError, NotTaughtError
from meshnet.netstate import Destination, NamespaceRef, VirtualService
from meshnet.path import Cause, Hook, Hop, Path, Source, Stage, Verdict, Why
from meshnet.predict.atlas import Atlas, Place
from meshnet.predict.choices import Choices
from meshnet.predict.host import Host
from meshnet.predict.ipvs import Ipvs
from meshnet.predict.netfilter import Netfilter, Passage
from meshnet.predict.routing import Way
from meshnet.predict.steps import Buffer, Step

LONGEST = 2000
"""Hops after which nobody reads on: a packet that goes round in a bridge for ever."""

Taker = Callable[["Walk", Any], Step | None]


class Memory:
    """What the packets of one exchange leave behind in namespaces: connections, and what tunnels have learned."""

    def __init__(
        self,
        atlas: Atlas,
        choices: Choices,
        choose: Mapping[tuple[NamespaceRef, int], IPv4Address],
        *,
        hashed: bool = False,
    ) -> None:
        self.atlas, self.choices, self._hashed = atlas, choices, hashed
        self.chosen: list[tuple[NamespaceRef, int, IPv4Address]] = []
        self._choose = choose
        self.learned: dict[tuple[Place, str], IPv4Address] = {}
        self._hops: dict[tuple[object, ...], Way] = {}
        self._netfilters: dict[NamespaceRef, Netfilter] = {}
        self._ipvs: dict[NamespaceRef, Ipvs] = {}

    def netfilter(self, at: NamespaceRef) -> Netfilter:
        if at not in self._netfilters:
            self._netfilters[at] = self.atlas.host(at).netfilter()
        return self._netfilters[at]

    def ipvs(self, at: NamespaceRef) -> Ipvs:
        return self._ipvs.setdefault(at, Ipvs())

    def servers(self, at: NamespaceRef, service: VirtualService) -> list[Destination]:
        """Those that take connections; of them the one that was asked for, where one was. Raises ``InputError`` if that
        isn't among them, unless there are none."""
        able = [server for server in service.destinations if server.weight > 0]
        wish = self._choose.get((at, service.mark))
        wished = [server for server in able if server.address == wish]
        if wish is not None and able and not wished:
            raise InputError(
                f"expected a real server of -f {service.mark} at {at} that takes connections, found {wish}"
            )
        return wished or able

    def hop(self, at: NamespaceRef, way: Way, source: IPv4Address | None, destination: IPv4Address) -> Way:
        """The one of equal-cost next hops that packets between these two take at ``at``. The kernel hashes them with a
        number that it draws at its start, so it may be any; with ``hashed``, one stands for all."""
        flow = (at, way.text, source, destination)
        if flow not in self._hops:
            number = crc32(" ".join(map(str, flow)).encode()) % len(way.hops)
            self._hops[flow] = way.hops[number] if self._hashed else self.choices.pick(way.hops)
        return self._hops[flow]


class Walk:
    """``takers`` do the steps, by their type. ``awaited`` is the sending of what the packet answers, None for one that
    asks."""

    def __init__(self, memory: Memory, takers: Mapping[type, Taker], awaited: Hop | None = None) -> None:
        self.memory, self.awaited = memory, awaited
        self.atlas, self.choices = memory.atlas, memory.choices
        self._takers = takers
        self._hops: list[Hop] = []

    def run(self, step: Step | None) -> Path:
        """From that step to the packet's end."""
        while step is not None:
            step = self._take(step)
        return Path(Source.PREDICTED, tuple(self._hops))

    def precede(self, step: Step, until: type[Step]) -> None:
        """Let another packet like this one have gone before, as far as that kind of step, and be remembered."""
        hops = len(self._hops)
        ahead: Step | None = step
        while ahead is not None and not isinstance(ahead, until):
            ahead = self._take(ahead)
        del self._hops[hops:]

    def _take(self, step: Step) -> Step | None:
        if len(self._hops) > LONGEST:
            raise NotTaughtError(f"predict gave up after {LONGEST} hops, the last at {self._hops[-1].at}")
        return self._takers[type(step)](self, step)

    def host(self, at: NamespaceRef) -> Host:
        return self.atlas.host(at)

    def sent(self, buffer: Buffer, cause: Cause) -> None:
        self._hops.append(Hop(buffer.at, Stage.SEND, buffer.packet.unframed, cause=cause))

    def seen(self, buffer: Buffer, stage: Stage, link: str, cause: Cause) -> None:
        """A frame on an interface: nobody sees its mark there."""
        self._hops.append(Hop(buffer.at, stage, replace(buffer.packet, mark=None), link, cause=cause))

    def balanced(self, buffer: Buffer, cause: Cause) -> None:
        self._hops.append(Hop(buffer.at, Stage.IPVS, buffer.packet.unframed, buffer.came_by, cause=cause))

    def delivered(self, buffer: Buffer) -> Step | None:
        """Nothing comes next."""
        cause = Cause(Why.SOCKET, f"{buffer.packet.protocol} at {buffer.at}")
        packet = buffer.packet.unframed
        self._hops.append(Hop(buffer.at, Stage.DELIVER, packet, verdict=Verdict.DELIVERED, cause=cause))
        return None

    def stop(self, buffer: Buffer, cause: Cause, verdict: Verdict = Verdict.DROPPED) -> Step | None:
        """Nothing comes next, and ``cause`` says why. The packet is as it was last to be seen: what conntrack has made
        of an answer since, without a rule, shows only when it goes on."""
        packet = buffer.packet if buffer.packet.source_mac is None else replace(buffer.packet, mark=None)
        last = self._hops[-1]
        if last.at == buffer.at and last.packet.vni == packet.vni:
            seen = last.packet
            packet = replace(packet, source=seen.source, destination=seen.destination)
            packet = replace(packet, source_port=seen.source_port, destination_port=seen.destination_port)
        self._hops.append(Hop(buffer.at, Stage.STOP, packet, verdict=verdict, cause=cause))
        return None

    def traverse(self, hook: Hook, buffer: Buffer, *, out: str = "", port_out: str = "") -> Buffer | None:
        """Through the tables of a hook, up to IPVS; None where a rule has ended it."""
        return self._through(self.memory.netfilter(buffer.at).traverse, hook, buffer, out, port_out)

    def finish(self, hook: Hook, buffer: Buffer, *, out: str = "") -> Buffer | None:
        """Through what is behind IPVS."""
        return self._through(self.memory.netfilter(buffer.at).finish, hook, buffer, out, "")

    def _through(
        self, tables: Callable[[Passage], Any], hook: Hook, buffer: Buffer, out: str, port_out: str
    ) -> Buffer | None:
        is_local, frame = hook is Hook.OUTPUT, buffer.packet
        packet = frame if frame.source_mac is None else frame.unframed
        passage = Passage(
            hook,
            packet,
            buffer.flow,
            in_interface="" if is_local else buffer.came_by,
            out_interface=out,
            physical_in="" if is_local else buffer.port,
            physical_out=port_out,
            balanced=buffer.balanced,
        )
        outcome = tables(passage)
        self._hops += outcome.hops
        if not outcome.accepted:
            return None
        if outcome.packet is not packet:
            macs = {"source_mac": frame.source_mac, "destination_mac": frame.destination_mac}
            frame = replace(outcome.packet, **macs)
        return replace(buffer, packet=frame, flow=outcome.flow)

    def way_out(self, at: NamespaceRef, source: IPv4Address | None, destination: IPv4Address) -> Way | Cause:
        """Where ``at`` sends it, or why nowhere. Raises ``NotTaughtError`` for a route that isn't to one place."""
        return self._to_one_place(self.host(at).way_out(source, destination), at, source, destination)

    def way_in(self, at: NamespaceRef, source: IPv4Address, destination: IPv4Address, link: str) -> Way | Cause:
        """Where what came in by ``link`` goes from ``at``; as ``way_out``."""
        return self._to_one_place(self.host(at).way_in(source, destination, link), at, source, destination)

    def _to_one_place(
        self, way: Way | Cause, at: NamespaceRef, source: IPv4Address | None, destination: IPv4Address
    ) -> Way | Cause:
        if isinstance(way, Way) and way.hops:
            return self.memory.hop(at, way, source, destination)
        if isinstance(way, Way) and way.kind not in ("unicast", "local"):
            raise NotTaughtError(f"predict wasn't taught a {way.kind} route: {way.text} ({at})")
        return way
