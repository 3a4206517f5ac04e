"""Joins a program in the lab to this process's standard streams, so that it behaves as if it ran here.

On a terminal the program gets a terminal of its own with this one's size; every key goes to it, Ctrl-C included. Off a
terminal its output and error output stay apart, input ends where ours does, and signals sent to us are passed on.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import sys
import termios
import tty
from collections.abc import Iterator
from types import FrameType

from meshnet.lab.control.client import Client, answer
from meshnet.lab.control.wire import CHUNK, WINDOW, Frame, Json, Kind, credit_frame, resize_frame

_STDIN, _STDOUT, _STDERR = 0, 1, 2
_PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


def is_terminal() -> bool:
    """Whether both input and output are a terminal here."""
    return os.isatty(_STDIN) and os.isatty(_STDOUT)


def join(client: Client, op: str, **arguments: object) -> Json:
    """Make the request ``op``, whose answer comes when its program ends, with this process's streams; the answer."""
    on_terminal = is_terminal()
    if on_terminal:
        arguments["terminal"] = os.environ.get("TERM", "dumb")
        arguments["size"] = _size()
    channel = client.open(op, **arguments)
    session = _Session(client, channel, on_terminal)
    with _raw() if on_terminal else contextlib.nullcontext(), session.hearing_signals():
        return answer(session.run())


def _size() -> tuple[int, int]:
    columns, rows = os.get_terminal_size(_STDIN)
    return rows, columns


@contextlib.contextmanager
def _raw() -> Iterator[None]:
    before = termios.tcgetattr(_STDIN)
    tty.setraw(_STDIN)
    try:
        yield
    finally:
        termios.tcsetattr(_STDIN, termios.TCSADRAIN, before)


class _Session:
    def __init__(self, client: Client, channel: int, on_terminal: bool) -> None:
        self._client = client
        self._channel = channel
        self._on_terminal = on_terminal
        self._credit = WINDOW
        self._selector = selectors.DefaultSelector()
        self._reading = False
        self._ended = False

    @contextlib.contextmanager
    def hearing_signals(self) -> Iterator[None]:
        """Signals arrive as bytes on a pipe that the loop watches, so that none is lost between two waits."""
        read, write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        heard = [signal.SIGWINCH] if self._on_terminal else list(_PASSED_ON)
        before_fd = signal.set_wakeup_fd(write, warn_on_full_buffer=False)
        before = {number: signal.signal(number, _note) for number in heard}
        self._selector.register(read, selectors.EVENT_READ, self._take_signals)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(before_fd)
            os.close(read)
            os.close(write)

    def run(self) -> Json:
        self._selector.register(self._client, selectors.EVENT_READ, self._take_frames)
        self._watch_input()
        while True:
            for key, _ in self._selector.select():
                result: Json | None = key.data(key.fd)
                if result is not None:
                    return result

    def _watch_input(self) -> None:
        wanted = self._credit > 0 and not self._ended
        if wanted and not self._reading:
            try:
                self._selector.register(_STDIN, selectors.EVENT_READ, self._take_input)
            except PermissionError:  # a regular file, which epoll refuses since it is always ready
                self._pump_file()
                return
            self._reading = True
        elif self._reading and not wanted:
            self._selector.unregister(_STDIN)
            self._reading = False

    def _pump_file(self) -> None:
        while self._credit > 0 and not self._ended:
            self._take_input(_STDIN)

    def _take_input(self, fd: int) -> None:
        try:
            data = os.read(fd, min(CHUNK, self._credit))
        except OSError:  # a terminal that went away
            data = b""
        if data:
            self._credit -= len(data)
            self._client.send(Frame(self._channel, Kind.STDIN, data))
        else:
            self._ended = True
            self._client.send(Frame(self._channel, Kind.END_STDIN))
        if self._reading:
            self._watch_input()

    def _take_signals(self, fd: int) -> None:
        for number in os.read(fd, 64):
            if number == signal.SIGWINCH:
                self._client.send(resize_frame(self._channel, *_size()))
            else:
                self._client.send(Frame(self._channel, Kind.SIGNAL, bytes([number])))

    def _take_frames(self, fd: int) -> Json | None:
        del fd
        for frame in self._client.receive():
            if frame.channel != self._channel:
                continue
            if frame.kind is Kind.STDOUT:
                self._put(_STDOUT, frame.payload)
            elif frame.kind is Kind.STDERR:
                self._put(_STDERR, frame.payload)
            elif frame.kind is Kind.CREDIT:
                self._credit += frame.credit
                self._watch_input()
            elif frame.kind is Kind.RESULT:
                return frame.json
        return None

    def _put(self, fd: int, data: bytes) -> None:
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(fd, view) :]
        except BrokenPipeError:  # as a program writing to a closed pipe would find
            self._client.send(Frame(self._channel, Kind.SIGNAL, bytes([signal.SIGPIPE])))
        self._client.send(credit_frame(self._channel, len(data)))


def _note(number: int, frame: FrameType | None) -> None:
    """The wake-up pipe says it all."""
    del number, frame
    sys.stdout.flush()
