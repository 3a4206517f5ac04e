"""What a terminal shows in the end."""

from __future__ import annotations

import pytest

from meshnet.tour.screen import as_seen


@pytest.mark.parametrize(
    ("output", "seen"),
    [
        ("plain\r\ntext\r\n", "plain\ntext\n"),
        ("12%\r100%", "100%"),
        ("longer\rshort", "shortr"),
        ("longer\r\x1b[Kshort", "short"),
        ("one\r\ntwo\r\n\x1b[2A\x1b[2K\rONE\x1b[2B\r", "ONE\ntwo\n"),
        ("\x1b[1;32mgreen\x1b[0m", "green"),
        ("\x1b[?25lhidden cursor\x1b[?25h", "hidden cursor"),
    ],
)
def test_a_screen_shows_what_was_written_last(output: str, seen: str) -> None:
    assert as_seen(output) == seen
