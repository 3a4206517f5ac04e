"""iptables-legacy's tables by socket options: what is read, and how a rule is put in and taken out."""

from __future__ import annotations

import errno
import struct
import subprocess
from dataclasses import replace

import pytest

from meshnet.kernel.legacy_tables import (
    Blob,
    LegacyTables,
    loaded,
    locked,
    plain_rule,
    read,
    with_rule_first,
    without_rule,
)
from meshnet.kernel.legacy_tables.blob import offsets
from meshnet.kernel.namespaces import NetNamespace
from meshnet.path import Hook
from tests.kernel.nodes import run
from tests.lab.walled import walled

TRACE = plain_rule("TRACE", 7)
BOTH = (Hook.PREROUTING, Hook.OUTPUT)
RETURN, ACCEPT = -5, -2
NONE = 0xFFFFFFFF
USERS_OWN = """
iptables -t raw -N INNER
iptables -t raw -N OUTER
iptables -t raw -A PREROUTING -p icmp -j OUTER
iptables -t raw -A PREROUTING -p udp -m udp --dport 4789 -j ACCEPT
iptables -t raw -A OUTPUT -p icmp
iptables -t raw -A OUTPUT -p icmp -g INNER
iptables -t raw -A OUTER -p icmp -m icmp --icmp-type 8
iptables -t raw -A OUTER -j INNER
iptables -t raw -A INNER -p tcp -j RETURN
"""


def standard(verdict: int) -> bytes:
    """A rule that matches everything, and ends or jumps so."""
    target = struct.pack("=H29sBi4x", 40, b"", 0, verdict)
    return bytes(88) + struct.pack("=HH", 112, 112 + len(target)) + bytes(20) + target


def table(*pre: bytes, out: tuple[bytes, ...] = (), chain: tuple[bytes, ...] = ()) -> Blob:
    """A ``raw`` with those rules in its built-in chains, and in a chain of a user's behind them."""
    start, policy = sum(map(len, pre)), standard(ACCEPT)
    output = start + len(policy)
    end = output + sum(map(len, out))
    rules = (*pre, policy, *out, policy, *chain)
    starts, ends = (0, NONE, NONE, output, NONE), (start, NONE, NONE, end, NONE)
    return Blob("raw", 0b01001, starts, ends, b"".join(rules), len(rules), tuple(range(len(rules))))


SIZE = len(standard(ACCEPT))
EMPTY = table()
TABLES = {
    "no rules": EMPTY,
    "jumps": table(standard(4 * SIZE), out=(standard(4 * SIZE),), chain=(standard(RETURN), standard(RETURN))),
    "a rule without a target": table(standard(SIZE), standard(2 * SIZE), chain=(standard(RETURN),)),
    "the same rule already": table(TRACE, standard(RETURN), out=(TRACE, TRACE)),
}


def verdicts(blob: Blob) -> list[int]:
    """Where each rule with a standard target goes."""
    return [
        struct.unpack_from("=i", blob.entries, at + 144)[0]
        for at in offsets(blob.entries)
        if struct.unpack_from("=H", blob.entries, at + 112)[0] == 40
    ]


@pytest.mark.parametrize("blob", TABLES.values(), ids=TABLES)
def test_what_was_put_in_comes_out_again(blob: Blob) -> None:
    more = with_rule_first(blob, BOTH, TRACE)
    assert more.count == blob.count + 2
    assert without_rule(more, BOTH, TRACE) == blob


def test_a_rule_first_in_a_chain_moves_all_behind_it() -> None:
    more = with_rule_first(TABLES["jumps"], BOTH, TRACE)
    added = len(TRACE)
    assert more.starts == (0, NONE, NONE, 2 * SIZE + added, NONE)
    assert more.ends == (SIZE + added, NONE, NONE, 3 * SIZE + 2 * added, NONE)
    assert verdicts(more) == [4 * SIZE + 2 * added, ACCEPT, 4 * SIZE + 2 * added, ACCEPT, RETURN, RETURN]
    assert more.origins == (None, 0, 1, None, 2, 3, 4, 5)


def test_a_rule_without_a_target_still_goes_on_to_the_next() -> None:
    more = with_rule_first(TABLES["a rule without a target"], [Hook.PREROUTING], TRACE)
    assert verdicts(more)[:2] == [len(TRACE) + SIZE, len(TRACE) + 2 * SIZE]


def test_a_rule_that_goes_on_to_the_one_taken_out_goes_on_to_the_next() -> None:
    ours_second = table(standard(SIZE), TRACE)
    assert without_rule(ours_second, BOTH, TRACE) == replace(table(standard(SIZE)), origins=(0, 2, 3))


def test_another_rule_that_does_the_same_is_not_taken_out() -> None:
    users = table(plain_rule("TRACE"), out=(plain_rule("TRACE", 8),))
    assert without_rule(users, BOTH, TRACE) is users


def test_a_fingerprint_knows_rules_and_not_counters() -> None:
    counted = bytearray(EMPTY.entries)
    counted[92:112] = bytes(range(1, 21))
    assert replace(EMPTY, entries=bytes(counted)).fingerprint == EMPTY.fingerprint
    others = (
        *list(TABLES.values())[1:],
        table(standard(RETURN)),
        replace(EMPTY, table="nat"),
        table(out=(standard(-1),)),
    )
    assert len({blob.fingerprint for blob in (EMPTY, *others)}) == 1 + len(others)


def saved(namespace: NetNamespace) -> list[str]:
    lines = run(namespace, "iptables-legacy-save -c -t raw").splitlines()
    return [line for line in lines if not line.startswith("#")]


def legacy(namespace: NetNamespace, command: str) -> None:
    run(namespace, 'iptables() { iptables-legacy -w "$@"; }\n' + command)


@pytest.mark.lab
@walled
def test_a_table_that_is_not_there_is_not_made_by_reading() -> None:
    namespace = NetNamespace.create()
    assert read(namespace, "raw") is None
    assert loaded(namespace) == ()
    legacy(namespace, "iptables -t mangle -A INPUT -j ACCEPT")
    assert loaded(namespace) == ("mangle",)
    assert read(namespace, "mangle") is not None


@pytest.mark.lab
@walled
def test_a_table_with_a_rule_more_is_taken_and_given_back_with_its_counters() -> None:
    namespace = NetNamespace.create()
    legacy(namespace, USERS_OWN)
    run(namespace, "ip link set lo up; ping -c 1 127.0.0.1")
    before = saved(namespace)
    assert "[2:168] -A PREROUTING -p icmp -j OUTER" in before
    with LegacyTables(namespace) as tables, locked():
        old = tables.read("raw")
        assert old is not None
        tables.replace(old, with_rule_first(old, BOTH, TRACE))
        more = saved(namespace)
        both = tables.make("raw")
        tables.replace(both, without_rule(both, BOTH, TRACE))
    assert [line for line in more if "TRACE" not in line] == before
    assert [line for line in more if "TRACE" in line] == ["[0:0] -A PREROUTING -j TRACE", "[0:0] -A OUTPUT -j TRACE"]
    assert more.index("[0:0] -A OUTPUT -j TRACE") == more.index("[2:168] -A OUTPUT -p icmp") - 1
    assert saved(namespace) == before
    again = read(namespace, "raw")
    assert again is not None
    assert again.fingerprint == old.fingerprint


@pytest.mark.lab
@walled
def test_a_table_that_has_grown_since_is_not_replaced() -> None:
    namespace = NetNamespace.create()
    with LegacyTables(namespace) as tables:
        old = tables.make("raw")
        legacy(namespace, "iptables -t raw -A OUTPUT -j ACCEPT")
        with pytest.raises(OSError) as caught:
            tables.replace(old, with_rule_first(old, BOTH, TRACE))
    assert caught.value.errno == errno.EAGAIN
    assert saved(namespace)[-2:] == ["[0:0] -A OUTPUT -j ACCEPT", "COMMIT"]


@pytest.mark.lab
@walled
def test_iptables_changes_nothing_while_the_tables_are_locked() -> None:
    namespace = NetNamespace.create()
    change = ["iptables-legacy", "-w", "1", "-t", "raw", "-A", "OUTPUT", "-j", "ACCEPT"]
    with namespace.entered():
        with locked():
            refused = subprocess.run(change, check=False, capture_output=True, text=True)
        assert "Stopped waiting after 1s" in refused.stderr
        assert loaded(namespace) == ()
        subprocess.run(change, check=True)
    assert loaded(namespace) == ("raw",)
