"""What turns one namespace's iptables into another, rule by rule: rules that stay are not touched, so they keep their
counters, and those somebody else put between them keep their places."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import TypeAlias

from meshnet.netstate.ruleset import BUILTIN_CHAINS, Chain, Rule, Ruleset, Table


@dataclass(frozen=True, slots=True)
class NewChain:
    chain: str


@dataclass(frozen=True, slots=True)
class EmptyChain:
    """All rules of the chain go."""

    chain: str


@dataclass(frozen=True, slots=True)
class DropChain:
    """The chain goes; by then it is empty and no rule jumps to it."""

    chain: str


@dataclass(frozen=True, slots=True)
class SetPolicy:
    chain: str
    policy: str


@dataclass(frozen=True, slots=True)
class InsertRule:
    """``position`` counts from 1, as iptables does; None is the end."""

    chain: str
    rule: Rule
    position: int | None = None


@dataclass(frozen=True, slots=True)
class DeleteRule:
    """``position`` is None for the first rule in the chain that is the same, which is the one that has to go."""

    chain: str
    rule: Rule
    position: int | None = None


RuleChange: TypeAlias = NewChain | EmptyChain | DropChain | SetPolicy | InsertRule | DeleteRule


@dataclass(frozen=True, slots=True)
class TableChange:
    """The changes of one table, in order; they belong together."""

    table: str
    changes: tuple[RuleChange, ...]

    def lines(self) -> Iterator[str]:
        """One readable line for each change."""
        return (_line(self.table, change) for change in self.changes)


def _line(table: str, change: RuleChange) -> str:
    match change:
        case NewChain(chain):
            return f"+ {table} chain {chain}"
        case EmptyChain(chain):
            return f"- {table} {chain}: all rules"
        case DropChain(chain):
            return f"- {table} chain {chain}"
        case SetPolicy(chain, policy):
            return f"~ {table} {chain}: policy {policy}"
        case InsertRule(chain, rule, position):
            return f"+ {table} {chain}{_at(position)}: {rule}"
        case DeleteRule(chain, rule, position):
            return f"- {table} {chain}{_at(position)}: {rule}"


def _at(position: int | None) -> str:
    return f" at {position}" if position is not None else ""


def diff_rulesets(want: Ruleset, have: Ruleset, last: Ruleset | None = None) -> tuple[TableChange, ...]:
    """What turns ``have`` into ``want``, table by table.

    With ``last``, what had been wanted before, anything that is in ``have`` but in neither of the others is somebody
    else's and stays where it is. Without it, everything that is not wanted goes.
    """
    want, have = want.normalised(), have.normalised()
    last = last.normalised() if last is not None else None
    found = []
    for name in sorted({*want.tables, *have.tables}, key=_table_order):
        before = None if last is None else last.tables.get(name, Table())
        changes = _TableDiff(want.tables.get(name, Table()), have.tables.get(name, Table()), before, name).changes()
        if changes:
            found.append(TableChange(name, changes))
    return tuple(found)


def _table_order(table: str) -> tuple[int, str]:
    known = list(BUILTIN_CHAINS)
    return (known.index(table) if table in known else len(known), table)


class _TableDiff:
    """One table's. ``last`` is None if everything unwanted goes."""

    def __init__(self, want: Table, have: Table, last: Table | None, name: str) -> None:
        self._want, self._have, self._last = want.chains, have.chains, last.chains if last is not None else None
        self._builtin = BUILTIN_CHAINS.get(name, ())

    def changes(self) -> tuple[RuleChange, ...]:
        new = [chain for chain in self._want if chain not in self._have and chain not in self._builtin]
        edits = {chain: self._edit(chain) for chain in (*self._have, *(c for c in self._want if c not in self._have))}
        left = {chain: rules for chain, (_, rules) in edits.items()}
        gone = self._gone(left)
        return (
            *(NewChain(chain) for chain in new),
            *self._policies(),
            *(change for chain, (changes, _) in edits.items() if chain not in gone for change in changes),
            *(EmptyChain(chain) for chain in gone if self._have[chain].rules),
            *(DropChain(chain) for chain in gone),
        )

    def _edit(self, chain: str) -> tuple[tuple[RuleChange, ...], tuple[Rule, ...]]:
        want, have = self._want.get(chain, Chain()).rules, self._have.get(chain, Chain()).rules
        if self._last is None:
            return edit_chain(chain, want, have)
        ours = {*want, *self._last.get(chain, Chain()).rules}
        return edit_chain(chain, want, have, [rule for rule in have if rule not in ours])

    def _gone(self, left: dict[str, tuple[Rule, ...]]) -> list[str]:
        """The chains to drop: those not wanted, ours if that matters, that nothing which stays jumps to."""
        candidates = [
            chain
            for chain in self._have
            if chain not in self._want and chain not in self._builtin and (self._last is None or chain in self._last)
        ]
        while True:
            targets = {
                target
                for chain, rules in left.items()
                if chain not in candidates
                for rule in rules
                for option, target in zip(rule.words, rule.words[1:], strict=False)
                if option in ("-j", "-g")
            }
            kept = [chain for chain in candidates if chain not in targets]
            if kept == candidates:
                return kept
            candidates = kept

    def _policies(self) -> Iterator[SetPolicy]:
        for chain in self._builtin:
            have = self._have.get(chain, Chain("ACCEPT")).policy or "ACCEPT"
            if chain in self._want:
                want = self._want[chain].policy or "ACCEPT"
            elif self._last is None or self._last.get(chain, Chain("ACCEPT")).policy == have:
                want = "ACCEPT"
            else:
                want = have
            if want != have:
                yield SetPolicy(chain, want)


def edit_chain(
    chain: str, want: Sequence[Rule], have: Sequence[Rule], strangers: Sequence[Rule] = ()
) -> tuple[tuple[RuleChange, ...], tuple[Rule, ...]]:
    """The deletions, then the insertions that turn ``have`` into ``want``, and what the chain then holds.

    A longest common subsequence stays. Rules among ``strangers`` are not looked at; new rules go above them at the
    head of a chain, below them at its end, and elsewhere right behind the wanted rule before.
    """
    apart = set(strangers)
    ours = [rule for rule in have if rule not in apart]
    kept = _common(ours, want)
    numbers = count()
    stays = [rule in apart or next(numbers) in kept for rule in have]
    now = [rule for rule, stay in zip(have, stays, strict=True) if stay]
    deletions = _deletions(chain, have, stays)
    insertions = _insertions(chain, want, set(kept.values()), now, apart)
    return deletions + insertions, tuple(now)


def _deletions(chain: str, have: Sequence[Rule], stays: Sequence[bool]) -> tuple[RuleChange, ...]:
    changes: list[RuleChange] = []
    now: list[Rule] = []  # what is left of the rules above the one looked at
    for rule, stay in zip(have, stays, strict=True):
        if stay:
            now.append(rule)
        else:
            changes.append(DeleteRule(chain, rule, len(now) + 1 if rule in now else None))
    return tuple(changes)


def _insertions(
    chain: str, want: Sequence[Rule], present: set[int], now: list[Rule], apart: set[Rule]
) -> tuple[RuleChange, ...]:
    """``present`` are the places in ``want`` of rules that ``now`` has already; ``now`` is brought to the end state."""
    changes: list[RuleChange] = []
    last_present = max(present, default=-1)
    place = 0  # how many rules of ``now`` are behind us
    for number, rule in enumerate(want):
        if number in present:
            while now[place] in apart:
                place += 1
        elif number > last_present:
            changes.append(InsertRule(chain, rule))
            now.append(rule)
        else:
            changes.append(InsertRule(chain, rule, place + 1))
            now.insert(place, rule)
        place += 1
    return tuple(changes)


def _common(have: Sequence[Rule], want: Sequence[Rule]) -> dict[int, int]:
    """A longest common subsequence: places in ``have``, and for each the place of the same rule in ``want``."""
    head = 0
    while head < min(len(have), len(want)) and have[head] == want[head]:
        head += 1
    tail = 0
    while tail < min(len(have), len(want)) - head and have[-1 - tail] == want[-1 - tail]:
        tail += 1
    rows, columns = have[head : len(have) - tail], want[head : len(want) - tail]
    best = [[0] * (len(columns) + 1) for _ in range(len(rows) + 1)]
    for row in range(len(rows) - 1, -1, -1):
        for column in range(len(columns) - 1, -1, -1):
            best[row][column] = (
                best[row + 1][column + 1] + 1
                if rows[row] == columns[column]
                else max(best[row + 1][column], best[row][column + 1])
            )
    found = {place: place for place in range(head)}
    row = column = 0
    while row < len(rows) and column < len(columns):
        if rows[row] == columns[column]:
            found[head + row] = head + column
            row, column = row + 1, column + 1
        elif best[row + 1][column] >= best[row][column + 1]:
            row += 1
        else:
            column += 1
    return found | {len(have) - 1 - place: len(want) - 1 - place for place in range(tail)}
