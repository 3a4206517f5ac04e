"""iptables-legacy's tables by the kernel's own socket options: in user-mode Linux a program costs 20 to 40 ms."""

from meshnet.kernel.legacy_tables.blob import Blob, plain_rule, with_rule_first, without_rule
from meshnet.kernel.legacy_tables.sockopts import LegacyTables, loaded, locked, read

__all__ = ["Blob", "LegacyTables", "loaded", "locked", "plain_rule", "read", "with_rule_first", "without_rule"]
