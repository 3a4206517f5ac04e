"""What ``iptables-restore --noflush`` takes: changes of tables as text."""

from __future__ import annotations

from collections.abc import Iterable

from meshnet.netstate.dialects.iptables_save import rule_text
from meshnet.netstate.ruleset_change import (
    DeleteRule,
    DropChain,
    EmptyChain,
    InsertRule,
    NewChain,
    RuleChange,
    SetPolicy,
    TableChange,
)


def write(tables: Iterable[TableChange]) -> str:
    """``tables`` as the input of one ``iptables-restore --noflush``. A chain is made by ``-N``: ``:CHAIN`` would empty
    one that is there."""
    lines = []
    for table in tables:
        lines += [f"*{table.table}", *map(_line, table.changes), "COMMIT"]
    return "".join(f"{line}\n" for line in lines)


def _line(change: RuleChange) -> str:
    match change:
        case NewChain(chain):
            return f"-N {chain}"
        case EmptyChain(chain):
            return f"-F {chain}"
        case DropChain(chain):
            return f"-X {chain}"
        case SetPolicy(chain, policy):
            return f"-P {chain} {policy}"
        case InsertRule(chain, rule, None):
            return f"-A {chain} {rule_text(rule)}"
        case InsertRule(chain, rule, position):
            return f"-I {chain} {position} {rule_text(rule)}"
        case DeleteRule(chain, rule, None):
            return f"-D {chain} {rule_text(rule)}"
        case DeleteRule(chain, _, position):
            return f"-D {chain} {position}"
