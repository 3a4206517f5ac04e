"""Packets that no program made are sent."""

from __future__ import annotations

import time
from collections.abc import Callable
from ipaddress import IPv4Address

import pytest

from meshnet.errors import InputError, KernelError
from meshnet.netstate import NamespaceRef
from meshnet.trace.capture import Capture
from meshnet.trace.capture.ring import RIGHT, number_of, numbered, ring
from meshnet.trace.decode import decode_frame
from meshnet.trace.inject import inject
from tests.trace.packets import udp

pytestmark = pytest.mark.lab

NODE = NamespaceRef("node0")
TO_ITSELF = udp("0.0.0.0", 1234, "127.0.0.1", 9, b"x")


def test_frames_leave_by_the_interface_as_they_are(eventually: Callable[[Callable[[], bool]], None]) -> None:
    frames = [numbered(number, 60 + number) for number in range(50)]
    with ring(2) as namespaces, Capture(namespaces) as capture:
        assert inject(namespaces[NODE], RIGHT, frames) == 50
        eventually(lambda: len(capture.sightings()) == 100)
        seen = capture.sightings()
    assert [each.data for each in seen if each.at == NODE] == frames
    assert [each.data for each in seen if each.at != NODE] == frames


def test_ip_packets_are_routed_by_the_kernel_which_fills_in_the_source() -> None:
    with ring(1) as namespaces, Capture(namespaces) as capture:
        assert inject(namespaces[NODE], None, [TO_ITSELF]) == 1
        seen = capture.sightings()[0]
    packet = decode_frame(seen.data)
    assert packet is not None
    assert (seen.interface, packet.source, packet.destination_port) == ("lo", IPv4Address("127.0.0.1"), 9)


def test_a_rate_is_kept() -> None:
    with ring(1) as namespaces, Capture(namespaces) as capture:
        began = time.monotonic()
        inject(namespaces[NODE], RIGHT, [numbered(number) for number in range(21)], rate=200)
        assert time.monotonic() - began >= 0.1
        times = [each.time for each in capture.sightings() if each.direction.out]
        assert [number_of(each.data) for each in capture.sightings() if each.direction.out] == list(range(21))
    assert times[-1] - times[0] >= 95_000_000


@pytest.mark.parametrize(
    ("interface", "frame", "sentence"),
    [
        ("eth7", numbered(1), "expected one of the interfaces lo, .*, found 'eth7'"),
        ("lo", b"short", "expected frame 2 to have an Ethernet header, found 5 bytes"),
        (None, b"\x60" + bytes(40), "expected packet 2 to be IPv4, since no interface is named"),
        (None, b"\x45", "expected packet 2 to be IPv4"),
    ],
)
def test_what_can_not_be_sent_is_refused_before_anything_is(interface: str | None, frame: bytes, sentence: str) -> None:
    first = numbered(0) if interface else TO_ITSELF
    with ring(1) as namespaces, Capture(namespaces) as capture:
        with pytest.raises(InputError, match=sentence):
            inject(namespaces[NODE], interface, [first, frame])
        assert capture.sightings() == []


def test_what_the_kernel_refuses_is_told() -> None:
    with ring(1) as namespaces:
        with pytest.raises(KernelError, match=r"packet 1 of 1 to 192\.0\.2\.1.*unreachable"):
            inject(namespaces[NODE], None, [udp("0.0.0.0", 1, "192.0.2.1", 2)])
        with pytest.raises(KernelError, match=f"packet 2 of 2 to {RIGHT}.*Message too long"):
            inject(namespaces[NODE], RIGHT, [numbered(1), numbered(2, 2000)])


@pytest.mark.parametrize("rate", [0, -1])
def test_a_rate_that_can_not_be_is_refused(rate: float) -> None:
    with ring(1) as namespaces, pytest.raises(InputError, match="expected a rate above 0"):
        inject(namespaces[NODE], RIGHT, [], rate=rate)
