"""What a command or a test holds of a running lab: requests and their answers, one at a time, on one stream."""

from __future__ import annotations

import socket
from collections.abc import Callable
from types import TracebackType

from meshnet.errors import InputError, LabError, MeshnetError, UserError
from meshnet.lab.control.wire import Decoder, Frame, Json, Kind, json_frame

_READ = 128 * 1024


def _ignore(event: Json) -> None:
    del event


class Client:
    """One client's stream to a lab. Not for several threads at once."""

    def __init__(self, stream: socket.socket) -> None:
        self._stream = stream
        self._decoder = Decoder()
        self._frames: list[Frame] = []
        self._last = 0

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._stream.close()

    def fileno(self) -> int:
        return self._stream.fileno()

    def open(self, op: str, **arguments: object) -> int:
        """Begin a request; returns its channel."""
        self._last += 1
        self.send(json_frame(self._last, Kind.OPEN, {"op": op, **arguments}))
        return self._last

    def send(self, frame: Frame) -> None:
        try:
            self._stream.sendall(frame.encode())
        except ConnectionError as error:
            raise LabError("the lab has ended") from error

    def receive(self) -> list[Frame]:
        """The next frames, at least one; blocks. ``LabError`` when the lab has ended."""
        while not self._frames:
            try:
                data = self._stream.recv(_READ)
            except ConnectionError:
                data = b""
            if not data:
                raise LabError("the lab has ended")
            self._frames.extend(self._decoder.feed(data))
        frames, self._frames = self._frames, []
        return frames

    def send_only(self, op: str) -> None:
        """Make a request and wait for its answer or for the lab's end, whichever comes first."""
        channel = self.open(op)
        while True:
            try:
                frames = self.receive()
            except LabError:
                return
            if any(frame.channel == channel and frame.kind is Kind.RESULT for frame in frames):
                return

    def call(self, op: str, *, on_event: Callable[[Json], None] = _ignore, **arguments: object) -> Json:
        """Make a request and wait for its answer. Raises what the lab raised."""
        channel = self.open(op, **arguments)
        while True:
            for frame in self.receive():
                if frame.channel != channel:
                    continue
                if frame.kind is Kind.EVENT:
                    on_event(frame.json)
                elif frame.kind is Kind.RESULT:
                    return answer(frame.json)


_ERRORS: dict[str, type[MeshnetError]] = {"user": UserError, "input": InputError, "lab": LabError}


def answer(result: Json) -> Json:
    """A RESULT's content; raises the error it carries, if it carries one."""
    error = result.get("error")
    if error is not None:
        raise _ERRORS.get(error["kind"], LabError)(error["message"])
    return result


def error_result(error: MeshnetError) -> Json:
    """An error as a RESULT carries it."""
    kind = "user" if isinstance(error, UserError) else "lab"
    return {"error": {"kind": kind, "message": str(error)}}
