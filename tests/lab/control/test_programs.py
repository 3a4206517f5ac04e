"""Programs run through the control stream, with the relay between: what a second terminal gets."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable

import pytest

from meshnet.errors import LabError, UserError
from meshnet.lab.control import capture
from meshnet.lab.control.client import Client
from meshnet.lab.control.relay import Relay
from meshnet.lab.control.wire import Frame, Json, Kind

from .conftest import BareLab

Waiter = Callable[[Callable[[], bool]], None]


def test_output_error_output_and_status_stay_apart(client: Client) -> None:
    done = capture.run(client, "node", ["sh", "-c", "echo out; echo err >&2; exit 7"])
    assert (done.stdout, done.stderr, done.status) == (b"out\n", b"err\n", 7)


def test_a_killed_program_has_the_status_a_shell_would_report(client: Client) -> None:
    assert capture.run(client, "node", ["sh", "-c", "kill -TERM $$"]).status == 128 + signal.SIGTERM


def test_input_larger_than_the_window_comes_back_unharmed(client: Client) -> None:
    data = bytes(range(256)) * 8192
    returned = capture.run(client, "node", ["cat"], stdin=data).stdout
    assert len(returned) == len(data)
    assert returned == data


def test_a_program_that_reads_no_input_does_not_hold_the_stream_up(client: Client) -> None:
    assert capture.run(client, "node", ["true"], stdin=b"x" * 1_000_000).status == 0


def test_what_a_program_leaves_behind_is_not_waited_for(client: Client) -> None:
    assert capture.run(client, "node", ["sh", "-c", "sleep 1000 & echo done"]).stdout == b"done\n"


def test_two_clients_have_their_own_channels(bare_lab: tuple[BareLab, Relay]) -> None:
    results: dict[str, bytes] = {}

    def ask(word: str) -> None:
        with Client(bare_lab[1].connect()) as client:
            results[word] = capture.run(client, "node", ["sh", "-c", f"sleep 0.05; echo {word}"]).stdout

    threads = [threading.Thread(target=ask, args=(word,)) for word in ("one", "two", "three")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {"one": b"one\n", "two": b"two\n", "three": b"three\n"}


def test_a_client_that_stands_still_holds_up_only_itself(bare_lab: tuple[BareLab, Relay], client: Client) -> None:
    with Client(bare_lab[1].connect()) as idle:
        idle.open("run", node="node", argv=["sh", "-c", "head -c 3000000 /dev/zero"])
        assert capture.run(client, "node", ["echo", "through"]).stdout == b"through\n"


def test_the_program_of_a_vanished_client_is_ended(bare_lab: tuple[BareLab, Relay], eventually: Waiter) -> None:
    lab, relay = bare_lab
    client = Client(relay.connect())
    client.open("run", node="node", argv=["sleep", "1000"])
    eventually(lambda: bool(lab.children))
    client.close()
    assert lab.children[0].wait() == -signal.SIGHUP


def test_signals_reach_the_program(client: Client) -> None:
    channel = client.open(
        "run", node="node", argv=["sh", "-c", "trap 'echo caught; exit 3' INT; echo ready; sleep 1000 & wait"]
    )
    said = b""
    status = None
    while status is None:
        for frame in client.receive():
            if frame.kind is Kind.STDOUT:
                said += frame.payload
                if said == b"ready\n":
                    client.send(Frame(channel, Kind.SIGNAL, bytes([signal.SIGINT])))
            elif frame.kind is Kind.RESULT:
                status = frame.json["status"]
    assert (said, status) == (b"ready\ncaught\n", 3)


def test_a_program_on_a_terminal_sees_its_size(client: Client) -> None:
    channel = client.open("run", node="node", argv=["stty", "size"], terminal="xterm", size=(33, 101))
    said = b""
    while True:
        for frame in client.receive():
            if frame.kind is Kind.STDOUT:
                said += frame.payload
            elif frame.kind is Kind.RESULT and frame.channel == channel:
                assert said.split() == [b"33", b"101"]
                return


def test_events_arrive_in_order_before_the_answer(client: Client) -> None:
    events: list[Json] = []
    assert client.call("stages", on_event=events.append) == {"done": True}
    assert [event["stage"] for event in events] == ["one", "two", "three"]


def test_the_labs_errors_are_raised_here(client: Client) -> None:
    with pytest.raises(UserError, match="no such operation"):
        client.call("fly")


def test_a_lab_that_ends_is_told_to_its_clients(bare_lab: tuple[BareLab, Relay], client: Client) -> None:
    lab, _ = bare_lab
    channel = client.open("run", node="node", argv=["sh", "-c", "exit 0"])
    while not any(frame.channel == channel and frame.kind is Kind.RESULT for frame in client.receive()):
        pass
    lab.hang_up()
    with pytest.raises(LabError, match="ended"):
        client.call("stages")
