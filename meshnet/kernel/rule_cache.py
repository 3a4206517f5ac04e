"""iptables rules of many namespaces, listed only where they are others than before.

Listing them takes a program, 20 to 40 ms in user-mode Linux. A table's entries, which a socket option gives in
microseconds, tell whether that has been done: the same entries are the same rules, wherever they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from meshnet.kernel.iptables import Iptables
from meshnet.kernel.legacy_tables import LegacyTables
from meshnet.kernel.namespaces import NetNamespace
from meshnet.netstate import NamespaceRef, Ruleset
from meshnet.netstate.dialects import iptables_save

_Entries = tuple[tuple[str, bytes], ...]
"""The fingerprint of each table that says something."""


class RuleCache:
    """Remembers what was there at the last look. Of iptables-nft it can't tell, and lists everything each time."""

    def __init__(self, iptables: Iptables) -> None:
        self._iptables = iptables
        self._known: dict[_Entries, Ruleset] = {}

    def trust(self, namespaces: Mapping[NamespaceRef, NetNamespace], rules: Mapping[NamespaceRef, Ruleset]) -> None:
        """Take ``rules`` for what is there without a look: they were just made, and nobody else has been there."""
        if self._iptables.flavour == "legacy":
            self._known = {_entries(namespaces[ref]): ruleset for ref, ruleset in rules.items()}

    def rules(self, namespaces: Mapping[NamespaceRef, NetNamespace]) -> dict[NamespaceRef, Ruleset]:
        """As they are now. Raises ``KernelError`` and ``OSError``."""
        if self._iptables.flavour != "legacy":
            return self._listed(namespaces)
        entries = {ref: _entries(namespace) for ref, namespace in namespaces.items()}
        fresh = {ref: namespaces[ref] for ref, there in entries.items() if there not in self._known}
        listed = self._listed(fresh)
        found = {ref: listed[ref] if ref in listed else self._known[there] for ref, there in entries.items()}
        settled = (ref for ref in found if ref not in fresh or _entries(fresh[ref]) == entries[ref])
        self._known = {entries[ref]: found[ref] for ref in settled}
        return found

    def _listed(self, namespaces: Mapping[NamespaceRef, NetNamespace]) -> dict[NamespaceRef, Ruleset]:
        saves = {ref: self._iptables.save(namespace) for ref, namespace in namespaces.items()}
        texts = {ref: save.finish() if save is not None else "" for ref, save in saves.items()}
        return {ref: iptables_save.parse(text) for ref, text in texts.items()}


def _entries(namespace: NetNamespace) -> _Entries:
    with LegacyTables(namespace) as tables:
        return tuple(_fingerprints(tables, tables.loaded()))


def _fingerprints(tables: LegacyTables, names: Iterable[str]) -> Iterable[tuple[str, bytes]]:
    for name in names:
        blob = tables.read(name)
        if blob is not None and not blob.says_nothing:
            yield name, blob.fingerprint
