"""The HTTP server's side of a connection, byte by byte."""

from __future__ import annotations

import asyncio
import http.client
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from meshnet.lab.workloads.http import HttpConnection


class Wire(asyncio.Transport):
    """What the server writes, and whether it hung up."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()
        self.closed = False

    def write(self, data: Any) -> None:
        assert not self.closed
        self.written += data

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True


@dataclass
class Conversation:
    """A connection that the test types at."""

    wire: Wire = field(default_factory=Wire)
    open_ones: set[asyncio.Transport] = field(default_factory=set)
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.connection = HttpConnection(lambda request: f"{request.line}\n", self.open_ones, self.said.append)
        self.connection.connection_made(self.wire)

    def say(self, *pieces: str) -> None:
        for piece in pieces:
            self.connection.data_received(piece.encode())

    def answers(self, methods: str = "GET") -> list[tuple[int, str, dict[str, str]]]:
        """Everything answered, as Python's own client reads it: status, body, headers in lower case."""
        stream = io.BytesIO(self.wire.written)
        read = []
        for method in methods.split():
            response = http.client.HTTPResponse(_Socket(stream), method=method)  # type: ignore[arg-type]
            response.begin()
            headers = {name.lower(): value for name, value in response.getheaders()}
            read.append((response.status, response.read().decode(), headers))
        assert stream.read() == b""
        return read


class _Socket:
    def __init__(self, stream: io.BytesIO) -> None:
        self._stream = stream

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Unclosed(self._stream))


class _Unclosed(io.RawIOBase):
    """A response closes its file when it's read; the next one is in the same stream."""

    def __init__(self, stream: io.BytesIO) -> None:
        super().__init__()
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._stream.read(1)
        buffer[: len(data)] = data
        return len(data)


def head(*lines: str) -> str:
    return "".join(f"{line}\r\n" for line in (*lines, ""))


@pytest.fixture
def talk() -> Callable[[], Conversation]:
    return Conversation


def test_a_request_is_answered_and_the_connection_kept(talk: Callable[[], Conversation]) -> None:
    it = talk()
    it.say(head("GET /a?b HTTP/1.1", "Host: x"))
    ((status, body, headers),) = it.answers()
    assert (status, body) == (200, "GET /a?b HTTP/1.1\n")
    assert headers["content-type"] == "text/plain; charset=utf-8"
    assert "connection" not in headers
    assert not it.wire.closed


def test_requests_sent_together_are_answered_in_order(talk: Callable[[], Conversation]) -> None:
    it = talk()
    it.say(head("GET /1 HTTP/1.1") + head("GET /2 HTTP/1.1") + head("GET /3 HTTP/1.1"))
    assert [body for _, body, _ in it.answers("GET GET GET")] == [f"GET /{n} HTTP/1.1\n" for n in (1, 2, 3)]


def test_a_request_that_comes_in_pieces_is_answered_once_it_is_whole(talk: Callable[[], Conversation]) -> None:
    it = talk()
    text = head("GET / HTTP/1.1", "Host: x")
    it.say(*text[:-1])
    assert not it.wire.written
    it.say(text[-1])
    assert len(it.answers()) == 1


def test_a_body_is_read_and_not_taken_for_a_request(talk: Callable[[], Conversation]) -> None:
    it = talk()
    it.say(head("POST / HTTP/1.1", "Content-Length: 20"), "GET / HTTP/1.1\r\n")
    assert not it.wire.written
    it.say("\r\nxx", head("GET /next HTTP/1.1"))
    assert [body for _, body, _ in it.answers("POST GET")] == ["POST / HTTP/1.1\n", "GET /next HTTP/1.1\n"]


def test_a_client_that_waits_for_leave_to_send_its_body_gets_it(talk: Callable[[], Conversation]) -> None:
    it = talk()
    it.say(head("POST / HTTP/1.1", "Content-Length: 2", "Expect: 100-continue"))
    assert it.wire.written == b"HTTP/1.1 100 Continue\r\n\r\n"
    it.say("xx")
    assert it.wire.written.count(b"HTTP/1.1 200 OK") == 1


def test_head_is_answered_with_the_length_and_no_body(talk: Callable[[], Conversation]) -> None:
    it = talk()
    it.say(head("HEAD / HTTP/1.1") + head("GET / HTTP/1.1"))
    (_, nothing, headers), (_, body, _) = it.answers("HEAD GET")
    assert nothing == ""
    assert headers["content-length"] == str(len("HEAD / HTTP/1.1\n"))
    assert body == "GET / HTTP/1.1\n"


@pytest.mark.parametrize(
    ("version", "option", "kept"),
    [
        ("HTTP/1.1", None, True),
        ("HTTP/1.1", "close", False),
        ("HTTP/1.1", "Keep-Alive", True),
        ("HTTP/1.0", None, False),
        ("HTTP/1.0", "Keep-Alive", True),
    ],
)
def test_the_connection_is_kept_or_closed_as_the_client_asked(
    talk: Callable[[], Conversation], version: str, option: str | None, kept: bool
) -> None:
    it = talk()
    it.say(head(f"GET / {version}", *([f"Connection: {option}"] if option else [])))
    ((status, _, headers),) = it.answers()
    assert status == 200
    assert it.wire.closed is not kept
    said = headers.get("connection")
    assert said == ("close" if not kept else "keep-alive" if version == "HTTP/1.0" else None)


def test_nothing_is_answered_after_the_connection_is_closed(talk: Callable[[], Conversation]) -> None:
    it = talk()
    it.say(head("GET / HTTP/1.0") + head("GET / HTTP/1.0"))
    assert len(it.answers()) == 1


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (head("GET /"), 400),
        (head("nonsense"), 400),
        (head("GET / HTTP/2.0"), 505),
        (head("GET / HTTP/1.1", "no colon"), 400),
        (head("POST / HTTP/1.1", "Content-Length: -1"), 400),
        (head("POST / HTTP/1.1", "Transfer-Encoding: chunked"), 411),
        ("GET / HTTP/1.1\r\nx: " + "y" * 70_000, 431),
    ],
)
def test_what_is_no_request_is_refused_and_the_connection_closed(
    talk: Callable[[], Conversation], sent: str, status: int
) -> None:
    it = talk()
    it.say(sent)
    ((answered, _, headers),) = it.answers()
    assert answered == status
    assert headers["connection"] == "close"
    assert it.wire.closed


def test_an_open_connection_is_known_until_it_is_lost(talk: Callable[[], Conversation]) -> None:
    it = talk()
    assert it.open_ones == {it.wire}
    it.connection.connection_lost(None)
    assert it.open_ones == set()
