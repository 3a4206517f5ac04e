"""Netem's message, field by field."""

from __future__ import annotations

import struct

import pytest

from meshnet.lab.net.netem import replace_root
from topo.shape import Shape

OPTIONS = struct.Struct("=6I")


def options_of(message: bytes) -> tuple[tuple[int, ...], bytes]:
    """The fixed part of netem's options, and the attributes after it."""
    kind_at = 16 + 20
    length, kind = struct.unpack_from("=HH", message, kind_at)
    assert (kind, message[kind_at + 4 : kind_at + length]) == (1, b"netem\0")
    options_at = kind_at + (length + 3) // 4 * 4
    size, kind = struct.unpack_from("=HH", message, options_at)
    assert (kind, options_at + size) == (2, len(message))
    return OPTIONS.unpack_from(message, options_at + 4), message[options_at + 4 + OPTIONS.size :]


def test_the_message_says_its_own_length_and_the_interface() -> None:
    message = replace_root(7, Shape(delay=1))
    length, kind, _, _, _, family, index, _, parent, _ = struct.unpack_from("=IHHIIBxxxiIII", message)
    assert (length, kind, family, index, parent) == (len(message), 36, 0, 7, 0xFFFFFFFF)


def test_delay_and_jitter_are_in_ticks_of_64_nanoseconds() -> None:
    (latency, limit, loss, gap, duplicate, jitter), rest = options_of(replace_root(1, Shape(delay=20_000, jitter=640)))
    assert latency * 64 == 20_000 * 1000
    assert jitter * 64 == 640 * 1000
    assert (limit, loss, gap, duplicate, rest) == (1000, 0, 0, 0, b"")


@pytest.mark.parametrize(("loss", "probability"), [(100.0, 0xFFFFFFFF), (0.0, 0), (50.0, 0x80000000)])
def test_loss_is_a_share_of_32_bits(loss: float, probability: int) -> None:
    (_, limit, told, *_), _ = options_of(replace_root(1, Shape(loss=loss, queue=5)))
    assert (told, limit) == (probability, 5)


@pytest.mark.parametrize(("bits", "octets"), [(8_000_000, 1_000_000), (1, 1), (10**12, 0xFFFFFFFF)])
def test_the_rate_is_in_bytes_a_second_and_fits_its_field(bits: int, octets: int) -> None:
    _, rest = options_of(replace_root(1, Shape(rate=bits)))
    assert struct.unpack("=HHIiIi", rest) == (20, 6, octets, 0, 0, 0)
