"""What belongs to a probe of SCTP, and what only looks so."""

from __future__ import annotations

import pytest

from meshnet.trace.decode import decode_packet
from meshnet.trace.recognise import Signature
from tests.trace.packets import ABORT, INIT, INIT_ACK, sctp

OURS, THEIRS = b"\1\2\3\4", b"\5\6\7\x08"
COOKIE_ECHO = 10


@pytest.mark.parametrize(
    ("data", "kind", "is_ours"),
    [
        (sctp("10.0.0.1", 5, "10.0.0.2", 7, INIT, initiate=OURS), "init", True),
        (sctp("10.0.0.1", 5, "10.0.0.2", 7, INIT, initiate=THEIRS), "init", False),
        (sctp("10.0.0.2", 7, "10.0.0.1", 5, INIT_ACK, tag=OURS, initiate=THEIRS), "init-ack", True),
        (sctp("10.0.0.2", 7, "10.0.0.1", 5, INIT_ACK, tag=THEIRS, initiate=OURS), "init-ack", False),
        (sctp("10.0.0.2", 7, "10.0.0.1", 5, ABORT, tag=OURS), "abort", True),
        (sctp("10.0.0.1", 5, "10.0.0.2", 7, ABORT, tag=THEIRS, flags=1), "abort", False),
        (sctp("10.0.0.1", 5, "10.0.0.2", 7, ABORT, tag=OURS, flags=1), "abort", False),
        (sctp("10.0.0.1", 5, "10.0.0.2", 7, COOKIE_ECHO, tag=THEIRS), "chunk/10", False),
    ],
)
def test_sctp_is_known_by_its_tags(data: bytes, kind: str, is_ours: bool) -> None:
    packet = decode_packet(data)
    assert packet is not None
    assert packet.kind == kind
    assert Signature("sctp", nonce=OURS).marks(packet, data) is is_ours
