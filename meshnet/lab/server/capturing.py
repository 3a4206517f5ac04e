"""Capturing and sending for a client of the control stream."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from meshnet.errors import InputError
from meshnet.kernel.namespaces import NetNamespace
from meshnet.lab.control.wire import Frame, Json, Kind
from meshnet.lab.lab import Lab
from meshnet.lab.observing.naming import Naming
from meshnet.lab.server.link import Channel
from meshnet.netstate import NamespaceRef
from meshnet.trace.capture import Capture, compile_filter
from meshnet.trace.capture.places import Selection
from meshnet.trace.capture.tap import Frame as Captured
from meshnet.trace.inject import inject as send
from meshnet.trace.pcapng import Place, Writer

WHOLE = 262144
"""Bytes kept of each frame if nothing else is asked for: all."""

_BUFFER = 8 * 1024 * 1024
_AT_ONCE = 256
_GATHER = 0.01
"""Seconds in which frames gather, once there is one: to take each when it comes would hold up the one after it."""

_LOOK_AGAIN = 0.25
"""Seconds until a namespace that was made or is to go is noticed."""

_Number = TypeVar("_Number", int, float)


@dataclass(frozen=True, slots=True)
class CaptureRequest:
    """``count`` and ``seconds`` say when it is over, if ever."""

    filter: str
    selection: Selection
    count: int | None
    seconds: float | None
    snaplen: int

    @classmethod
    def from_json(cls, request: Json) -> CaptureRequest:
        """Raises ``InputError``."""
        return cls(
            request.get("filter") or "",
            Selection.parse(request.get("at") or ()),
            _positive(request.get("count"), "a number of packets"),
            _positive(request.get("seconds"), "a number of seconds"),
            request.get("snaplen") or WHOLE,
        )

    def among(self, namespaces: dict[NamespaceRef, NetNamespace]) -> dict[NamespaceRef, NetNamespace]:
        return {ref: each for ref, each in namespaces.items() if self.selection.may_be_in(ref)}


async def capture(lab: Lab, channel: Channel) -> None:
    """``{"filter"?, "at"?: [NODE/NS/IF], "count"?, "seconds"?, "snaplen"?}``: pcapng as output, each piece of it whole
    blocks, from ``{"capturing": namespaces}`` on, after which nothing is missed, until the client says END_STDIN or
    goes away, or what was asked for is there; then ``{"packets": N, "dropped": {namespace: N}}``."""
    asked = CaptureRequest.from_json(channel.request)
    namespaces = lab.namespaces
    asked.selection.check_namespaces(namespaces)
    program = compile_filter(asked.filter) if asked.filter else None
    with ExitStack() as stack:
        capturing = stack.enter_context(
            Capture(asked.among(namespaces), asked.snaplen, program=program, buffer=_BUFFER)
        )
        interfaces = {tap.ref: tap.interfaces for tap in capturing.taps}
        asked.selection.check_interfaces(interfaces)
        places = [Place(ref, name) for ref, names in interfaces.items() for name in names]
        relay = _Relay(channel, capturing, asked)
        following = asyncio.create_task(_follow(lab, capturing, asked))
        try:
            channel.event({"capturing": len(interfaces)})
            await relay.run(filter(asked.selection.fits, places))
        finally:
            following.cancel()
            await asyncio.to_thread(stack.close)


async def inject(lab: Lab, channel: Channel) -> None:
    """``{"at": NODE or NODE/NS, "interface"?, "frames": [hex], "rate"?: a second}``: send frames by that interface, or,
    without one, IP packets by the kernel's routing; ``{"sent": N}``."""
    request = channel.request
    at = _namespace(lab, request["at"])
    try:
        frames = [bytes.fromhex(text) for text in request["frames"]]
    except ValueError as error:
        raise InputError(f"expected frames as hexadecimal digits, found {error}") from error
    try:
        sent = await asyncio.to_thread(
            send, lab.namespaces[at], request.get("interface"), frames, rate=request.get("rate")
        )
    except InputError as error:
        raise InputError(str(error), where=str(at)) from error
    channel.result({"sent": sent})


class _Relay:
    """Gives a client what is captured, as fast as it takes it; what there is no room for meanwhile is counted."""

    def __init__(self, channel: Channel, capturing: Capture, asked: CaptureRequest) -> None:
        self._channel, self._capturing, self._asked = channel, capturing, asked
        self._writer = Writer(asked.snaplen)
        self._known: dict[tuple[NamespaceRef, str], bool] = {}
        self._packets = 0
        self._loop = asyncio.get_running_loop()
        self._over = asyncio.Event()
        self._gone = False

    async def run(self, places: Iterable[Place]) -> None:
        """Until it is over; then answer."""
        if self._asked.seconds is not None:
            self._loop.call_later(self._asked.seconds, self._over.set)
        self._channel.listen(self._hear)
        await self._send(self._writer.begin(places))
        while not self._over.is_set():
            await self._ready()
            await asyncio.sleep(_GATHER)
            await self._give(self._capturing.take())
        if self._gone:
            return
        self._capturing.seal()
        await self._give(self._capturing.take())
        dropped = self._capturing.dropped
        await self._send(self._writer.end(time.time_ns(), dropped))
        counts = {str(ref): count for ref, count in dropped.items()}
        self._channel.result({"packets": self._packets, "dropped": counts})

    def _hear(self, frame: Frame) -> None:
        if frame.kind in (Kind.END_STDIN, Kind.CANCEL):
            self._gone = frame.kind is Kind.CANCEL
            self._over.set()

    async def _ready(self) -> None:
        """Wait until something has come, or it is over."""
        came = asyncio.Event()
        self._loop.add_reader(self._capturing.fileno(), came.set)
        waiting = [asyncio.create_task(each.wait()) for each in (came, self._over)]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._loop.remove_reader(self._capturing.fileno())
            for each in waiting:
                each.cancel()

    async def _give(self, frames: Sequence[Captured]) -> None:
        """Some at a time: the event loop has others to serve."""
        wanted = (frame for frame in frames if self._is_wanted(frame))
        while not self._gone and (some := list(islice(wanted, self._room(_AT_ONCE)))):
            await self._send(b"".join(self._writer.frame(frame.sighting) for frame in some))
            self._packets += len(some)
            await asyncio.sleep(0)
        if self._room(1) == 0:
            self._over.set()

    def _is_wanted(self, frame: Captured) -> bool:
        key = frame.tap.ref, frame.interface
        if key not in self._known:
            self._known[key] = self._asked.selection.fits(Place(*key))
        return self._known[key]

    def _room(self, most: int) -> int:
        """How many more are wanted, ``most`` at most."""
        return most if self._asked.count is None else min(most, self._asked.count - self._packets)

    async def _send(self, blocks: bytes) -> None:
        await self._channel.stream(Kind.STDOUT, blocks)


async def _follow(lab: Lab, capturing: Capture, asked: CaptureRequest) -> None:
    """Capture in the namespaces that come, and let go of those that are to go: a capture would keep them."""
    while True:
        await asyncio.sleep(_LOOK_AGAIN)
        await asyncio.to_thread(capturing.follow, asked.among(lab.namespaces))


def _namespace(lab: Lab, text: str) -> NamespaceRef:
    namespaces = lab.namespaces
    ref = NamespaceRef.parse(text)
    if ref in namespaces:
        return ref
    hosts = {name: lab.node(name).address.ip for name in lab.spec.hosts}
    return Naming(lab.control.state, hosts, namespaces).place(text)


def _positive(value: _Number | None, what: str) -> _Number | None:
    if value is not None and value <= 0:
        raise InputError(f"expected {what} above 0, found {value}")
    return value
