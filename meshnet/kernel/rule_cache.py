"""iptables rules of many namespaces, listed only where they are others than before.

Listing them takes a program, 20 to 40 ms in user-mode Linux. A table's entries, which a socket option gives in
microseconds, tell whether that has been done: the same entries are the same rules, wherever they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

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
        self._tables: dict[NamespaceRef, tuple[NetNamespace, LegacyTables]] = {}

    def let_go(self, ref: NamespaceRef) -> None:
        """Close what is open in that namespace, if anything is."""
        if ref in self._tables:
            self._tables.pop(ref)[1].close()

    def trust(self, namespaces: Mapping[NamespaceRef, NetNamespace], rules: Mapping[NamespaceRef, Ruleset]) -> None:
        """Take ``rules`` for what is there without a look: they were just made, and nobody else has been there."""
        if self._iptables.flavour == "legacy":
            self._known = {self._entries(ref, namespaces[ref]): ruleset for ref, ruleset in rules.items()}

    def rules(self, namespaces: Mapping[NamespaceRef, NetNamespace]) -> dict[NamespaceRef, Ruleset]:
        """As they are now. Raises ``KernelError`` and ``OSError``."""
        if self._iptables.flavour != "legacy":
            return self._listed(namespaces)
        entries = {ref: self._entries(ref, namespace) for ref, namespace in namespaces.items()}
        fresh = {ref: namespaces[ref] for ref, there in entries.items() if there not in self._known}
        listed = self._listed(fresh)
        found = {ref: listed[ref] if ref in listed else self._known[there] for ref, there in entries.items()}
        settled = (ref for ref in found if ref not in fresh or self._entries(ref, fresh[ref]) == entries[ref])
        self._known = {entries[ref]: found[ref] for ref in settled}
        return found

    def _listed(self, namespaces: Mapping[NamespaceRef, NetNamespace]) -> dict[NamespaceRef, Ruleset]:
        saves = {ref: self._iptables.save(namespace) for ref, namespace in namespaces.items()}
        texts = {ref: save.finish() if save is not None else "" for ref, save in saves.items()}
        return {ref: iptables_save.parse(text) for ref, text in texts.items()}

    def _entries(self, ref: NamespaceRef, namespace: NetNamespace) -> _Entries:
        held = self._tables.get(ref)
        if held is None or held[0] is not namespace:
            self.let_go(ref)
            held = self._tables[ref] = namespace, LegacyTables(namespace)
        return tuple(_fingerprints(held[1]))


def _fingerprints(tables: LegacyTables) -> Iterator[tuple[str, bytes]]:
    for name in tables.loaded():
        blob = tables.make(name)
        if not blob.says_nothing:
            yield name, blob.fingerprint
