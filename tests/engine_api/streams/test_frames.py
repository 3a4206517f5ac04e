"""The eight bytes before each piece of output."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from meshnet.engine_api.streams.frames import Stream, frame
from tests.engine_api.streams.engine import apart


def test_a_frame_is_dockers() -> None:
    assert frame(Stream.STDERR, b"oh\n") == b"\x02\x00\x00\x00\x00\x00\x00\x03oh\n"
    assert frame(Stream.STDOUT, b"x" * 0x010203)[:8] == b"\x01\x00\x00\x00\x00\x01\x02\x03"


@given(st.lists(st.tuples(st.sampled_from(Stream), st.binary(max_size=300))))
def test_frames_can_be_told_apart(frames: list[tuple[Stream, bytes]]) -> None:
    assert apart(b"".join(frame(*one) for one in frames)) == frames
