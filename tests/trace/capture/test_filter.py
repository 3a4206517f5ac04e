"""Filters in tcpdump's words."""

from __future__ import annotations

import socket

import pytest

from meshnet.errors import InputError, MachineError
from meshnet.trace.capture import filter as filtering
from meshnet.trace.capture.filter import attach, compile_filter


def test_an_expression_becomes_the_kernels_instructions() -> None:
    assert len(compile_filter("tcp port 8000")) % 8 == 0
    assert compile_filter("tcp port 8000") != compile_filter("tcp port 8001")


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("tcp prot 80", "syntax error"),
        ("host nowhere.invalid", "nowhere.invalid"),
        ("port 99999", "99999"),
        ("ip\0arp", "as tcpdump has them"),
    ],
)
def test_a_wrong_one_is_refused_in_libpcaps_words(expression: str, words: str) -> None:
    with pytest.raises(InputError, match=words) as refused:
        compile_filter(expression)
    assert repr(expression) in str(refused.value)


def test_without_libpcap_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    filtering._library.cache_clear()
    monkeypatch.setattr(filtering, "_LIBRARIES", ("libpcap.so.none",))
    with pytest.raises(MachineError, match=r"libpcap.*apt-get install.*tcpdump"):
        compile_filter("tcp")


def test_the_kernel_lets_pass_what_the_program_does() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with ours, theirs:
        ours.setblocking(False)
        attach(ours, compile_filter("ether proto 0x88b5"))
        theirs.send(bytes(12) + b"\x88\xb5wanted")
        theirs.send(bytes(12) + b"\x08\x00unwanted")
        assert ours.recv(100)[14:] == b"wanted"
        with pytest.raises(BlockingIOError):
            ours.recv(100)


def test_one_that_is_too_long_for_the_kernel_is_refused() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(InputError, match="5000 instructions"):
        attach(ours, filtering.NOTHING * 5000)
