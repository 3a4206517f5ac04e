"""Captures as files: what is written can be read, by ourselves and by others."""

from __future__ import annotations

import itertools
import subprocess
from pathlib import Path
from typing import Any

import pytest

from meshnet.netstate import NamespaceRef
from meshnet.trace.pcapng import Place, Reader, Writer, blocks
from meshnet.trace.seen import Direction, Sighting
from tests.trace.packets import frame, udp

NODE, SANDBOX = NamespaceRef("swarm-worker1"), NamespaceRef("swarm-worker1", "ingress_sbox")
DATA = frame(udp("10.0.0.1", 1234, "10.0.0.2", 53, b"question"))
TIME = 1_700_000_000_123_456_789

SEEN = [
    Sighting(at, interface, direction, TIME + number, DATA[: len(DATA) - number], len(DATA))
    for number, (at, interface, direction) in enumerate(
        [
            (NODE, "eth0", Direction.HOST),
            (NODE, "eth0", Direction.OUTGOING),
            (SANDBOX, "eth0", Direction.BROADCAST),
            (SANDBOX, "lo", Direction.MULTICAST),
            (SANDBOX, "eth0", Direction.OTHER_HOST),
        ]
    )
]
DROPPED = {SANDBOX: 3, NamespaceRef("client"): 5}


def written() -> bytes:
    writer = Writer(512)
    begin = writer.begin([Place(NODE, "eth0"), Place(NODE, "docker0")])
    return b"".join([begin, *map(writer.frame, SEEN), writer.end(TIME, DROPPED)])


@pytest.mark.parametrize("size", [1, 7, 64, 100_000])
def test_what_is_written_is_read_in_whatever_pieces_it_comes(size: int) -> None:
    data, reader = written(), Reader()
    pieces = (data[at : at + size] for at in range(0, len(data), size))
    assert list(itertools.chain.from_iterable(map(reader.feed, pieces))) == SEEN
    assert reader.dropped == DROPPED
    assert reader.places[:2] == [Place(NODE, "eth0"), Place(NODE, "docker0")]


def test_every_piece_is_whole_blocks() -> None:
    writer = Writer(512)
    for piece in (writer.begin(), *map(writer.frame, SEEN), writer.end(TIME, DROPPED)):
        rest = bytearray(piece)
        assert b"".join(blocks.split(rest)) == piece
        assert not rest


def test_half_a_block_stays_until_the_other_half_comes() -> None:
    data = written()
    rest = bytearray(data[:-1])
    first = list(blocks.split(rest))
    rest += data[-1:]
    assert b"".join([*first, *blocks.split(rest)]) == data
    assert len(list(blocks.split(bytearray(data)))) == len(first) + 1


def test_what_is_no_pcapng_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a pcapng block"):
        list(Reader().feed(b"no such file at all"))


@pytest.mark.parametrize("place", [Place(NODE, "eth0"), Place(SANDBOX, "eth0")], ids=str)
def test_a_place_is_read_as_it_is_written(place: Place) -> None:
    assert Place.parse(str(place)) == place


@pytest.mark.thorough
def test_scapy_reads_frames_times_lengths_directions_places_and_comments(tmp_path: Path) -> None:
    from scapy.utils import RawPcapNgReader

    file = tmp_path / "capture.pcapng"
    file.write_bytes(written())
    with RawPcapNgReader(str(file)) as reader:
        found: list[tuple[bytes, Any]] = list(reader)
    for seen, (data, meta) in zip(SEEN, found, strict=True):
        assert data == seen.data
        assert (meta.tshigh << 32 | meta.tslow) * 10**9 == seen.time * meta.tsresol
        assert meta.wirelen == seen.length
        assert meta.ifname == str(Place(seen.at, seen.interface)).encode()
        assert meta.direction == (2 if seen.direction.out else 1)
        assert meta.comments == [f"in {seen.at} {seen.interface}".encode()]


@pytest.mark.thorough
@pytest.mark.parametrize("frames", [0, len(SEEN)])
def test_tcpdump_reads_it_even_without_a_frame(tmp_path: Path, frames: int) -> None:
    file = tmp_path / "capture.pcapng"
    writer = Writer(512)
    file.write_bytes(b"".join([writer.begin([Place(NODE, "eth0")]), *map(writer.frame, SEEN[:frames])]))
    done = subprocess.run(["tcpdump", "-nr", str(file)], check=True, capture_output=True, text=True)
    assert done.stdout.count("10.0.0.1.1234 > 10.0.0.2.53") == frames


def test_a_comment_that_is_given_stands_in_place_of_where_it_was_seen() -> None:
    assert b"in swarm-worker1 eth0" in Writer(512).frame(SEEN[0])
    commented = Writer(512).frame(SEEN[0], "the task's answer")
    assert b"the task's answer" in commented
    assert b"in swarm-worker1" not in commented
