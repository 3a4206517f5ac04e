"""ICMP's types, by number and by name."""

from __future__ import annotations

_KINDS = {
    "echo-reply": (0, 0),
    "host-unreachable": (3, 1),
    "port-unreachable": (3, 3),
    "fragmentation-needed": (3, 4),
    "echo-request": (8, 0),
    "ttl-exceeded": (11, 0),
}
_REQUESTS = (8, 13, 15, 17)
_ERRORS = (3, 4, 5, 11, 12)


def type_and_code(kind: str) -> tuple[int, int]:
    """Those of ``Packet.kind``, (-1, -1) of one that says neither."""
    if kind in _KINDS:
        return _KINDS[kind]
    number, _, code = kind.partition("/")
    return (int(number), int(code)) if number.isdigit() and code.isdigit() else (-1, -1)


def is_error(kind: str) -> bool:
    """Whether it tells of another packet, which it quotes."""
    return type_and_code(kind)[0] in _ERRORS


def is_request(kind: str) -> bool:
    """Whether it asks for an answer: an echo, the time and the like."""
    return type_and_code(kind)[0] in _REQUESTS
