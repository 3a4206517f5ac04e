"""``meshnet capture``: every frame of a running lab, in a file, in a pipe or on the terminal."""

from __future__ import annotations

import os
import select
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Optional

import typer

from meshnet.cli import options, show
from meshnet.cli.capture_sinks import Blocks, Lines, Sink
from meshnet.errors import InputError
from meshnet.lab.control import rendezvous
from meshnet.lab.control.client import Client, answer
from meshnet.lab.control.wire import Frame, Json, Kind, credit_frame

_HELP = """Capture every frame of a running lab, in all its namespaces at once, and say where each was.

With [bold]-w FILE[/] it writes pcapng, which Wireshark, tshark and tcpdump open; without, one line a frame on a
terminal and pcapng elsewhere. Ctrl-C ends it. A filter sees a frame from its Ethernet header on: of VXLAN the outer
headers, so look for inner ones on vxlan0 and on the bridges.

Examples: [bold]meshnet capture -w mesh.pcapng --filter 'tcp port 8000'[/] ·
[bold]meshnet capture --at swarm-worker1/ingress_sbox --at '*//eth0'[/] · [bold]meshnet capture | tshark -i -[/]"""

_Write = Annotated[
    Optional[Path],  # noqa: UP045 - typer reads this at run time
    typer.Option("-w", "--write", metavar="FILE", help="Write pcapng there; - is standard output."),
]
_Filter = Annotated[str, typer.Option("--filter", metavar="EXPR", help="Only what this lets pass, in tcpdump's words.")]
_At = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Option(
        "--at",
        metavar="NODE/NS/IF",
        help="Only there. Parts may have wildcards or be left out; an empty NS is the node's own namespace.",
    ),
]
_Count = Annotated[
    Optional[int],  # noqa: UP045
    typer.Option("--count", metavar="N", min=1, help="End after N frames."),
]
_Seconds = Annotated[
    Optional[float],  # noqa: UP045
    typer.Option("--seconds", metavar="S", help="End after S seconds."),
]
_Snaplen = Annotated[
    Optional[int],  # noqa: UP045
    typer.Option("--snaplen", metavar="BYTES", help="Keep only so much of each frame."),
]
_STDOUT = Path("-")


def register(app: typer.Typer) -> None:
    @app.command("capture", help=_HELP)
    def capture(
        write: _Write = None,
        filter: _Filter = "",
        at: _At = None,
        count: _Count = None,
        seconds: _Seconds = None,
        snaplen: _Snaplen = None,
        lab: options.LabName = None,
        json: options.AsJson = False,
    ) -> None:
        if json and write == _STDOUT:
            raise InputError("standard output is for one thing: -w - or --json", where="--json")
        asked = {"filter": filter, "at": at or [], "count": count, "seconds": seconds, "snaplen": snaplen}
        with Client(rendezvous.connect(rendezvous.find(lab))) as client:
            channel = client.open("capture", **asked)
            result = _Following(client, channel).run(write, json)
        if json and write is not None:
            show.as_json(result)
        else:
            show.err.print(_said(result), markup=False)


class _Following:
    """A capture under way: carries what comes to where it is to go, until it is over or the user ends it."""

    def __init__(self, client: Client, channel: int) -> None:
        self._client, self._channel = client, channel
        self._sink: Sink | None = None
        self._broken = False

    def run(self, write: Path | None, json: bool) -> Json:
        """Its result. Raises what the lab raised, before anything was written."""
        with _interrupts() as interrupted:
            while True:
                ready, _, _ = select.select([self._client.fileno(), interrupted], [], [])
                if interrupted in ready:
                    os.read(interrupted, 1)
                    self._client.send(Frame(self._channel, Kind.END_STDIN))
                if self._client.fileno() not in ready:
                    continue
                for frame in self._client.receive():
                    if frame.kind is Kind.EVENT:
                        self._sink = _sink(write, json)
                        show.err.print(f"capturing in {frame.json['capturing']} namespaces, until Ctrl-C", markup=False)
                    elif frame.kind is Kind.STDOUT:
                        self._take(frame.payload)
                    elif frame.kind is Kind.RESULT:
                        return answer(frame.json)

    def _take(self, data: bytes) -> None:
        """Once nobody reads any more, the capture is to end, and what still comes goes nowhere."""
        assert self._sink is not None
        if not self._broken:
            try:
                self._sink.take(data)
            except BrokenPipeError:
                self._broken = True
                self._client.send(Frame(self._channel, Kind.END_STDIN))
        self._client.send(credit_frame(self._channel, len(data)))


def _sink(write: Path | None, json: bool) -> Sink:
    stdout = sys.stdout.fileno()
    if write is not None and write != _STDOUT:
        return Blocks.to_file(write)
    if json:
        return Lines.for_programs(stdout)
    if write is None and os.isatty(stdout):
        return Lines.for_people(stdout)
    return Blocks(stdout, "standard output")


def _said(result: Json) -> str:
    """``12 packets captured, 3 dropped: 3 in swarm-worker1/ingress_sbox``."""
    packets, dropped = result["packets"], result["dropped"]
    said = f"{packets} packet{'' if packets == 1 else 's'} captured, {sum(dropped.values())} dropped"
    where = ", ".join(f"{count} in {place}" for place, count in dropped.items())
    return f"{said}: {where}" if where else said


@contextmanager
def _interrupts() -> Iterator[int]:
    """A descriptor that has a byte to read for each time the user, or whoever, asks for the end."""
    reading, writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    asks = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def ask(number: int, stack: object) -> None:
        with suppress(BlockingIOError):
            os.write(writing, b"x")

    before = {number: signal.signal(number, ask) for number in asks}
    try:
        yield reading
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(reading)
        os.close(writing)
