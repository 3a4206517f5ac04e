"""What became different of a packet from one hop to the next, in words."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address

from meshnet.path.packet import Packet


def changes(before: Packet | None, after: Packet) -> Iterator[str]:
    """A phrase a change: ``dst 10.0.0.1:80 → 10.0.0.2:8000``, ``ttl 64 → 63``, ``mark 0x0 → 0x100``, ``in VXLAN 4096``.
    Without ``before``, the packet itself."""
    if before is None:
        yield str(after)
        return
    yield from _carrying(before, after)
    one, other = before.innermost, after.innermost
    if one.kind != other.kind or one.protocol != other.protocol:
        yield str(other)
        return
    yield from _end("src", (one.source, one.source_port), (other.source, other.source_port))
    yield from _end("dst", (one.destination, one.destination_port), (other.destination, other.destination_port))
    if one.ttl != other.ttl:
        yield f"ttl {one.ttl} → {other.ttl}"
    if other.mark is not None and (one.mark or 0) != other.mark:
        yield f"mark {one.mark or 0:#x} → {other.mark:#x}"
    if one.length != other.length:
        yield f"length {one.length} → {other.length}"


def _carrying(before: Packet, after: Packet) -> Iterator[str]:
    if after.inner is not None and before.inner is None:
        yield f"in VXLAN {after.vni}, {after.source} > {after.destination}:{after.destination_port}"
    elif after.inner is None and before.inner is not None:
        yield f"out of VXLAN {before.vni}"


def _end(name: str, before: tuple[IPv4Address, int | None], after: tuple[IPv4Address, int | None]) -> Iterator[str]:
    if before != after:
        yield f"{name} {_shown(before)} → {_shown(after)}"


def _shown(end: tuple[IPv4Address, int | None]) -> str:
    address, port = end
    return str(address) if port is None else f"{address}:{port}"
