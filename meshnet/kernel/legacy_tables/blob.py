"""A table as the kernel takes and gives it: its rules one behind another, of ``linux/netfilter_ipv4/ip_tables.h``.

A rule is a ``struct ipt_entry`` (112 bytes: what it matches, where its target lies, where the next rule does, its
counters), its matches, and its target. Chains are runs of rules. A built-in chain begins where the table's header says
and ends with its policy; jumps are offsets from the table's beginning, so a rule more or less moves them all.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from hashlib import blake2b

from meshnet.path import Hook

HOOKS = len(Hook)

_ENTRY_BYTES = 112
_NOWHERE = 0xFFFFFFFF  # the offset of a chain that the table doesn't have
_TAG_AT = 84
_TAG = struct.Struct("=I")
_OFFSETS_AT = 88  # the target's and the next rule's
_OFFSETS = struct.Struct("=HH")
_KERNELS_AT = 92  # from here on the entry is the kernel's: what leads to the rule, and its counters
_KERNELS = bytes(_ENTRY_BYTES - _KERNELS_AT)
_TARGET_HEADER = struct.Struct("=H29sB")
_STANDARD_BYTES = 40
_VERDICT = struct.Struct("=i")
_ACCEPT = -2  # NF_ACCEPT as a verdict: -1 - 1


@dataclass(frozen=True, slots=True)
class Blob:
    """One table. ``hooks`` has bit ``1 << hook`` for each hook it is called from; ``starts`` and ``ends`` are, by hook,
    the offsets of the first rule and of the policy in ``entries``; ``count`` is how many rules that is, policies and
    the heads of chains counted."""

    table: str
    hooks: int
    starts: tuple[int, ...]
    ends: tuple[int, ...]
    entries: bytes
    count: int
    origins: tuple[int | None, ...]
    """Of each rule, which it was in the table as read, None for one put in since: whose counters it keeps."""

    @property
    def says_nothing(self) -> bool:
        """Whether it has no rule and no chain of a user's, and lets everything pass: as a table is that was only looked
        at."""
        there = [hook for hook in range(HOOKS) if self.hooks >> hook & 1]
        return self.count == len(there) + 1 and all(self._policy(hook) == _ACCEPT for hook in there)

    def _policy(self, hook: int) -> int:
        return int(_VERDICT.unpack_from(self.entries, self.ends[hook] + _ENTRY_BYTES + _TARGET_HEADER.size)[0])

    @property
    def fingerprint(self) -> bytes:
        """The same for two tables with the same rules and policies, whatever their counters."""
        rules = bytearray(self.entries)
        for at in offsets(rules):
            rules[at + _KERNELS_AT : at + _ENTRY_BYTES] = _KERNELS
        head = struct.pack(f"={1 + 2 * HOOKS}I", self.hooks, *self.starts, *self.ends)
        return blake2b(head + rules, digest_size=16, person=self.table.encode()[:16]).digest()


def offsets(entries: bytes | bytearray) -> Iterator[int]:
    """Where each rule begins."""
    at = 0
    while at < len(entries):
        yield at
        at += _size(entries, at)


def plain_rule(target: str, tag: int = 0) -> bytes:
    """The rule ``-j target``, for a target that takes no options, in its revision 0. The ``tag`` tells it from others
    that do the same: ``nfcache``, which the kernel and iptables keep and make no use of."""
    entry = bytearray(_ENTRY_BYTES) + _TARGET_HEADER.pack(_TARGET_HEADER.size, target.encode(), 0)
    _TAG.pack_into(entry, _TAG_AT, tag)
    _OFFSETS.pack_into(entry, _OFFSETS_AT, _ENTRY_BYTES, len(entry))
    return bytes(entry)


def with_rule_first(blob: Blob, hooks: Iterable[Hook], rule: bytes) -> Blob:
    """With ``rule`` as the first of each of these built-in chains."""
    for hook in hooks:
        blob = _insert(blob, blob.starts[hook.value], rule)
    return blob


def without_rule(blob: Blob, hooks: Iterable[Hook], rule: bytes) -> Blob:
    """Without the first rule like ``rule`` in each of these built-in chains; as it is where there is none."""
    for hook in hooks:
        at = _find(blob, hook, rule)
        if at is not None:
            blob = _remove(blob, at)
    return blob


def _size(entries: bytes | bytearray, at: int) -> int:
    return int(_OFFSETS.unpack_from(entries, at + _OFFSETS_AT)[1])


def _find(blob: Blob, hook: Hook, rule: bytes) -> int | None:
    at, end = blob.starts[hook.value], blob.ends[hook.value]
    while at < end:
        after = at + _size(blob.entries, at)
        if _same(blob.entries[at:after], rule):
            return at
        at = after
    return None


def _same(one: bytes, other: bytes) -> bool:
    return one[:_KERNELS_AT] == other[:_KERNELS_AT] and one[_ENTRY_BYTES:] == other[_ENTRY_BYTES:]


def _insert(blob: Blob, at: int, rule: bytes) -> Blob:
    size = len(rule)
    place = _place(blob, at)
    return replace(
        blob,
        starts=_moved(blob.starts, at, size),
        ends=_moved(blob.ends, at - 1, size),  # of a chain without rules the beginning is the end
        entries=_jumps_moved(blob.entries[:at] + rule + blob.entries[at:], at, size),
        count=blob.count + 1,
        origins=(*blob.origins[:place], None, *blob.origins[place:]),
    )


def _remove(blob: Blob, at: int) -> Blob:
    size = _size(blob.entries, at)
    place = _place(blob, at)
    return replace(
        blob,
        starts=_moved(blob.starts, at, -size),
        ends=_moved(blob.ends, at, -size),
        entries=_jumps_moved(blob.entries[:at] + blob.entries[at + size :], at, -size),
        count=blob.count - 1,
        origins=(*blob.origins[:place], *blob.origins[place + 1 :]),
    )


def _place(blob: Blob, at: int) -> int:
    """Which rule of the table begins there, from 0."""
    return next(place for place, offset in enumerate(offsets(blob.entries)) if offset == at)


def _moved(offsets: Iterable[int], beyond: int, by: int) -> tuple[int, ...]:
    return tuple(offset + by if beyond < offset < _NOWHERE else offset for offset in offsets)


def _jumps_moved(entries: bytes, beyond: int, by: int) -> bytes:
    """With the jumps to offsets greater than ``beyond`` moved; a rule without a target jumps to the next one."""
    moved = bytearray(entries)
    for at in offsets(entries):
        target = at + _OFFSETS.unpack_from(entries, at + _OFFSETS_AT)[0]
        size, name, _ = _TARGET_HEADER.unpack_from(entries, target)
        if size == _STANDARD_BYTES and not name[0]:
            (verdict,) = _VERDICT.unpack_from(entries, target + _TARGET_HEADER.size)
            if verdict > beyond:
                _VERDICT.pack_into(moved, target + _TARGET_HEADER.size, verdict + by)
    return bytes(moved)
