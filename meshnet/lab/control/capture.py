"""Runs a program in the lab and keeps what it printed: for checks and tests, which have no terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from meshnet.errors import LabError
from meshnet.lab.control.client import Client, answer
from meshnet.lab.control.wire import CHUNK, WINDOW, Frame, Kind, credit_frame


@dataclass(frozen=True, slots=True)
class Completed:
    """A program that has ended: its exit status (128 and the number for a signal) and what it printed."""

    argv: tuple[str, ...]
    node: str
    status: int
    stdout: bytes
    stderr: bytes

    @property
    def text(self) -> str:
        return self.stdout.decode(errors="replace")

    def check(self) -> Completed:
        """Itself, if it ended well; ``LabError`` with what it said otherwise."""
        if self.status != 0:
            said = (self.stderr or self.stdout).decode(errors="replace").strip()
            raise LabError(f"`{' '.join(self.argv)}` on {self.node} ended with status {self.status}: {said}")
        return self


def run(
    client: Client,
    node: str,
    argv: Sequence[str],
    *,
    stdin: bytes = b"",
    env: Mapping[str, str] | None = None,
    terminal: tuple[int, int] | None = None,
) -> Completed:
    """Run ``argv`` on ``node`` with that input, and wait for it to end. With a ``terminal`` of so many rows and columns
    it has one, at which nobody types: what it prints is all output."""
    seen = {} if terminal is None else {"terminal": "xterm", "size": list(terminal)}
    channel = client.open("run", node=node, argv=list(argv), env=dict(env or {}), **seen)
    feeder = _Feeder(client, channel, stdin, ends=terminal is None)
    output = {Kind.STDOUT: bytearray(), Kind.STDERR: bytearray()}
    while True:
        for frame in client.receive():
            if frame.channel != channel:
                continue
            if frame.kind in output:
                output[frame.kind] += frame.payload
                client.send(credit_frame(channel, len(frame.payload)))
            elif frame.kind is Kind.CREDIT:
                feeder.more(frame.credit)
            elif frame.kind is Kind.RESULT:
                result = answer(frame.json)
                problem = str(result.get("problem", "")).encode()
                stderr = bytes(output[Kind.STDERR]) + problem
                return Completed(tuple(argv), node, result["status"], bytes(output[Kind.STDOUT]), stderr)


class _Feeder:
    """Sends a program its input as fast as it is consumed."""

    def __init__(self, client: Client, channel: int, data: bytes, *, ends: bool = True) -> None:
        self._client = client
        self._channel = channel
        self._rest = memoryview(data)
        self._credit = WINDOW
        self._ended = not ends
        self.more(0)

    def more(self, credit: int) -> None:
        self._credit += credit
        while self._rest and self._credit > 0:
            piece = self._rest[: min(CHUNK, self._credit)]
            self._client.send(Frame(self._channel, Kind.STDIN, bytes(piece)))
            self._rest = self._rest[len(piece) :]
            self._credit -= len(piece)
        if not self._rest and not self._ended:
            self._ended = True
            self._client.send(Frame(self._channel, Kind.END_STDIN))
