"""What comes from nfnetlink_log, byte by byte."""

from __future__ import annotations

import struct

import pytest

from meshnet.trace.rule_hits import nflog_messages as messages
from meshnet.trace.rule_hits.listener import place_of


def attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def message(*attributes: bytes, kind: int = 0x400, sequence: int = 0) -> bytes:
    body = struct.pack("=BBH", 2, 0, 0) + b"".join(attributes)
    return struct.pack("=IHHII", 16 + len(body), kind, 0, sequence, 0) + body


FIRST = message(
    attribute(1, b"\x08\x00\x02\x00"),
    attribute(10, b"TRACE: nat:DOCKER-INGRESS:rule:1 \0"),
    attribute(4, (7).to_bytes(4, "big")),
    attribute(6, (9).to_bytes(4, "big")),
    attribute(2, (0x100).to_bytes(4, "big")),
    attribute(3, struct.pack("!QQ", 12, 345678)),
    attribute(12, (41).to_bytes(4, "big")),
    attribute(9, b"E..."),
)
SECOND = message(attribute(1, b"\x08\x00\x04\x00"), attribute(9, b"E"))


def test_two_packets_in_one_datagram_are_two() -> None:
    first, second = messages.packets(FIRST + SECOND)
    assert first == messages.Logged(
        "TRACE: nat:DOCKER-INGRESS:rule:1 ", 2, b"E...", 0x100, 41, (7, 0, 9, 0), 12_345_678_000
    )
    assert second == messages.Logged("", 4, b"E", 0, 0, (0, 0, 0, 0), None)


def test_what_is_no_packet_is_left_out() -> None:
    acknowledged = message(kind=2, sequence=1)
    assert list(messages.packets(acknowledged + SECOND)) == list(messages.packets(SECOND))


@pytest.mark.parametrize(("number", "errno"), [(0, 0), (-1, 1), (-16, 16)])
def test_an_answer_is_that_to_the_request(number: int, errno: int) -> None:
    header = struct.pack("=IHHII", 20, 2, 0, 1, 0)
    answer = header + struct.pack("=i", number)
    assert messages.answer(SECOND + answer, 1) == errno
    assert messages.answer(SECOND + answer, 2) is None


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        ("TRACE: nat:DOCKER-INGRESS:rule:1 ", ("nat", "DOCKER-INGRESS", 1)),
        ("TRACE: filter:FORWARD:policy:12 ", ("filter", "FORWARD", 12)),
        ("TRACE: filter:a:b:return:3 ", ("filter", "a:b", 3)),
        ("TRACE: mine", None),
        ("TRACE: not:a:number:x ", None),
        ("dropped: ", None),
        ("", None),
    ],
)
def test_a_prefix_names_table_chain_and_number(prefix: str, expected: tuple[str, str, int] | None) -> None:
    assert place_of(prefix) == expected
