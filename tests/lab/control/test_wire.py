from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from meshnet.lab.control.wire import Decoder, Frame, Kind, credit_frame, json_frame, resize_frame

frames = st.builds(
    Frame, channel=st.integers(0, 2**32 - 1), kind=st.sampled_from(Kind), payload=st.binary(max_size=300)
)


@given(st.lists(frames, max_size=8), st.lists(st.integers(1, 64), min_size=1, max_size=8))
def test_frames_survive_any_cutting_of_the_stream(sent: list[Frame], cuts: list[int]) -> None:
    stream = b"".join(frame.encode() for frame in sent)
    decoder = Decoder()
    received: list[Frame] = []
    at = 0
    while at < len(stream):
        length = cuts[len(received) % len(cuts)]
        received += decoder.feed(stream[at : at + length])
        at += length
    assert received == sent


def test_payloads_read_back_as_written() -> None:
    assert json_frame(1, Kind.OPEN, {"op": "x"}).json == {"op": "x"}
    assert resize_frame(1, 24, 80).size == (24, 80)
    assert credit_frame(1, 4096).credit == 4096
